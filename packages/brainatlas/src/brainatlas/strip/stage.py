"""A scan in, its stripped image, mask and sidecar in OUT out; one that came without skull passes unchanged."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from brainatlas.cohorts import Scan
from brainatlas.layout import Place, place_of, plain
from brainatlas.niftifile import refuse_damaged, write_nifti
from brainatlas.record import Record, checksum, describe, read_record, write_json, write_record
from brainatlas.strip.bias import without_bias
from brainatlas.strip.detect import is_stripped, stripped_mask
from brainatlas.strip.methods import StripSettings, load_stripper
from braincaption.nifti import Volume, load_image

PLAUSIBLE_ML = (700.0, 2200.0)
PASSED = "none"  # strip_method of a scan that came stripped


def is_current(scan: Scan, out: Path, *, n4: bool = False) -> bool:
    """Tell whether `out` holds this scan stripped (and its bias removed, or not), made from the file as it is now."""
    place = place_of(out, scan)
    if not (place.sidecar.exists() and place.brain.exists() and place.mask.exists() and scan.image.exists()):
        return False
    record = read_record(place)
    return record.n4 == n4 and record.source_sha256 == checksum(scan.image)


def strip_scan(scan: Scan, out: Path, settings: StripSettings) -> Record:
    """Write brain, mask and sidecar of one scan and return its record.

    Raises
    ------
    ScanError
        The scan cannot be read, or no brain was found in it.
    """
    place = place_of(out, scan)
    volume = read_scan(scan)
    forget(place)
    if not settings.force and (scan.stripped or (scan.stripped is None and is_stripped(volume))):
        method, mask, brain = PASSED, stripped_mask(volume), volume.data
    else:
        method, mask = settings.method, load_stripper(settings.method)(volume, scan, settings)
        brain = np.where(mask, volume.data, 0)
    if settings.n4:
        brain = without_bias(brain, mask, volume.affine)
    write_nifti(place.brain, as_stored(brain, scan.image), volume.affine)
    write_nifti(place.mask, mask, volume.affine)
    write_json(place.mask_sidecar, {"Type": "Brain", "SpatialReference": place.reference, "Sources": [place.reference]})
    volume_ml = float(mask.sum()) * volume.voxel_mm3 / 1000
    record = describe(
        scan,
        place,
        source_sha256=checksum(scan.image),
        method=method,
        n4=settings.n4,
        volume_ml=volume_ml,
        flags=_flags(mask, volume_ml),
    )
    write_record(record)
    return record


def forget(place: Place) -> None:
    """Delete what was made from an earlier version of this scan, its sidecar first: transforms and labels."""
    place.sidecar.unlink(missing_ok=True)
    patterns = (
        f"{place.cohort}/sub-*/**/{place.stem}_from-{place.suffix}_*",
        f"{place.cohort}/sub-*/**/{place.stem}_from-*_to-{place.suffix}_*",
        f"{place.cohort}/sub-*/**/{place.stem}_space-{place.suffix}_desc-*_dseg.json",
        f"*/sub-*/**/*_to-{plain(place.scan_id)}_*",
        f"*/sub-*/**/*_from-{plain(place.scan_id)}_*",
    )
    for pattern in patterns:
        for stale in sorted(place.out.glob(pattern)):
            stale.unlink(missing_ok=True)


def read_scan(scan: Scan) -> Volume:
    """Read a scan, with the world its recipe gives it where the header lies."""
    refuse_damaged(scan.image)
    volume = load_image(scan.image)
    if scan.affine is None:
        return volume
    return Volume(data=volume.data, affine=np.asarray(scan.affine, dtype=np.float64), path=volume.path)


def as_stored(data: npt.NDArray[np.generic], source: Path) -> npt.NDArray[np.generic]:
    """Return `data` in the integer type of the file it came from, where that loses nothing; float32 otherwise."""
    stored = nib.load(source).get_data_dtype()
    if stored.kind in "iu" and stored.itemsize <= 4:
        limits = np.iinfo(stored)
        if data.min() >= limits.min and data.max() <= limits.max and np.array_equal(data, np.rint(data)):
            return data.astype(stored.newbyteorder("="))
    return data.astype(np.float32)


def _flags(mask: npt.NDArray[np.bool_], volume_ml: float) -> list[str]:
    flags = []
    low, high = PLAUSIBLE_ML
    if not low <= volume_ml <= high:
        flags.append(f"brain mask of {volume_ml:.0f} ml, plausible are {low:.0f} to {high:.0f} ml")
    edges = [mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]]
    if max(float(edge.mean()) for edge in edges) > 0.05:
        flags.append("brain mask reaches the edge of the image: the brain may be cut off")
    return flags
