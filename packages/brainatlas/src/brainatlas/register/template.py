"""A template's path (or none) in, the brain every scan is registered to out: by default the ICBM152 T1w of nilearn."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix
from brainatlas.record import checksum
from braincaption.errors import BrainError, ScanError, UsageError
from braincaption.nifti import load_image

DEFAULT = "ICBM152"
_BUNDLED = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, kw_only=True)
class Template:
    """A skull-stripped brain that stands between all scans.

    Attributes
    ----------
    name : str
        ``ICBM152``, or the file's name.
    path : Path
    sha256 : str
        Checksum of the file: two runs agree only with one template.
    data : ndarray of float32, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    """

    name: str
    path: Path
    sha256: str
    data: npt.NDArray[np.float32]
    affine: Matrix

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Where the template has a brain: its intensities above zero."""
        return self.data > 0


def load_template(path: Path | None = None) -> Template:
    """Read a template; by default the skull-stripped ICBM152 2009a T1w (1 mm) that nilearn ships.

    Raises
    ------
    UsageError
        The file is missing or unreadable; the message says what was wanted.
    """
    file = bundled() if path is None else path
    try:
        volume = load_image(file)
    except ScanError as error:
        raise UsageError(f"the template cannot be used: {error}") from None
    return Template(
        name=DEFAULT if path is None else file.name,
        path=file,
        sha256=checksum(file),
        data=volume.data.astype(np.float32, copy=False),
        affine=volume.affine,
    )


def bundled() -> Path:
    """Return where nilearn's ICBM152 T1w lies; nilearn itself (heavy) is not imported."""
    spec = find_spec("nilearn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / _BUNDLED
        if file.exists():
            return file
    raise BrainError("nilearn's ICBM152 template is not installed: pip install nilearn, or give --template FILE")
