"""Multi-coil k-space in, magnitude images out: inverse Fourier transform, root of the sum of squares over coils."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def root_sum_of_squares(kspace: npt.NDArray[np.complexfloating]) -> npt.NDArray[np.float32]:
    """Return the image of one slice (Roemer et al. 1990).

    Parameters
    ----------
    kspace : ndarray of complex, shape (coils, rows, columns)
        Zero frequency in the middle.

    Returns
    -------
    ndarray of float32, shape (rows, columns)

    Examples
    --------
    >>> point = np.zeros((2, 4, 6), dtype=np.complex64)
    >>> point[:, 2, 3] = (3, 4)  # one frequency, zero: an even image
    >>> np.allclose(root_sum_of_squares(point), 5 / np.sqrt(24))
    True
    """
    axes = (-2, -1)
    centred = np.fft.ifftshift(kspace, axes=axes)
    coils = np.fft.fftshift(np.fft.ifft2(centred, axes=axes, norm="ortho"), axes=axes)
    return np.sqrt((np.abs(coils) ** 2).sum(axis=0)).astype(np.float32)
