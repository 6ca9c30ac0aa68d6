"""A head and atlas heads with masks in, the mask that their registration carries over out (affine, then SyN)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_closing

from brainatlas.cohorts import Scan
from brainatlas.geometry import zooms
from brainatlas.register.affine import AffineSettings, Brain, align, prepare
from brainatlas.register.maps import Way
from brainatlas.register.syn import SynSettings, across_contrasts, deform
from brainatlas.sampling import sample_linear
from brainatlas.strip.detect import is_stripped, largest_filled_component
from brainatlas.strip.methods import StripSettings
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import Volume, load_image, load_labels, same_grid

_RESOLUTION_MM = 4.0  # masks are smooth
_SYN = SynSettings(resolution_mm=_RESOLUTION_MM)
_MOST_HEADS = 3  # each costs a registration; three outvote one that failed
_FOREGROUND = 0.1  # of the 99th percentile: below are air and noise
_CLOSED_MM = 4.0  # gaps between labelled structures, where labels serve as a mask


def choose_heads(scans: Iterable[Scan]) -> tuple[Scan, ...]:
    """Return the atlas' whole heads that bring a mask (or labels), the first few.

    Raises
    ------
    UsageError
        There are none.
    """
    with_masks = [scan for scan in scans if scan.stripped is not True and (scan.mask or scan.labels)]
    heads = [scan for scan in with_masks if not is_stripped(load_image(scan.image))] if with_masks else []
    if not heads:
        raise UsageError(
            "--method template needs an atlas of whole heads with brain masks or label maps, and this one has none "
            "(its scans came without skull, or without masks): use --method deepbet, or name another --atlas"
        )
    return tuple(heads[:_MOST_HEADS])


def find_brain(volume: Volume, scan: Scan, settings: StripSettings) -> npt.NDArray[np.bool_]:
    """Return where most of the atlas heads' masks fall.

    Raises
    ------
    ScanError
        No head could be registered.
    """
    if not settings.heads:
        choose_heads(())
    shape = (volume.data.shape[0], volume.data.shape[1], volume.data.shape[2])
    fixed = _head(volume)
    votes = np.zeros(shape, dtype=np.float32)
    for head in settings.heads:
        moving = load_image(head.image)
        matrix = align(fixed, _head(moving), AffineSettings(resolution_mm=_RESOLUTION_MM))
        syn = _SYN if head.suffix == scan.suffix else across_contrasts(_SYN)
        forward, _ = deform(fixed, _head(moving), matrix, syn)
        way = Way(to_frame=np.eye(4), from_frame=matrix, fields=(forward,))
        back = np.asarray(np.linalg.inv(moving.affine), dtype=np.float64)
        offset = way.offsets(volume.affine, shape, back)
        votes += sample_linear(_mask_of(head, moving), back @ way.matrix @ volume.affine, shape, offset)
    return largest_filled_component(votes > len(settings.heads) / 2)


def _head(volume: Volume) -> Brain:
    """Return a head ready to be registered: without the air around it."""
    data = volume.data.astype(np.float32, copy=False)
    head = largest_filled_component(data > _FOREGROUND * float(np.percentile(data, 99)))
    return prepare(data, volume.affine, head, AffineSettings(resolution_mm=_RESOLUTION_MM))


def _mask_of(head: Scan, image: Volume) -> npt.NDArray[np.float32]:
    path = head.mask or head.labels
    assert path is not None
    found = load_labels(path)
    if not same_grid(image, found):
        raise ScanError(f"{path} lies on another grid than {head.image}: resample it, or use --method deepbet")
    inside = found.data.astype(bool)
    if head.mask is None:
        steps = max(1, round(_CLOSED_MM / float(zooms(image.affine).mean())))
        inside = largest_filled_component(np.asarray(binary_closing(np.pad(inside, steps), iterations=steps)))
        inside = inside[steps:-steps, steps:-steps, steps:-steps]
    return inside.astype(np.float32)
