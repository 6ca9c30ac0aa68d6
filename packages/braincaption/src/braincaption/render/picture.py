"""A catalog and chosen slices in, their pictures out: each scan is read once, every slice drawn from it directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from braincaption.errors import ScanError
from braincaption.nifti import Volume, load_image, load_labels, same_grid
from braincaption.outfolder import Captioned
from braincaption.render.sample import draw
from braincaption.render.settings import ViewSettings
from braincaption.render.view import pixel_grid
from braincaption.render.window import brain_centre, intensity_window
from braincaption.slicefolder import Picture

Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan in memory with the intensities it is shown between."""

    volume: Volume
    window: tuple[float, float]


@dataclass
class Painter:
    """Draws slices of one catalog; keeps the centre of each space, and one scan at a time.

    Parameters
    ----------
    captioned : Captioned
    view : ViewSettings
    """

    captioned: Captioned
    view: ViewSettings
    _centres: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def pictures(
        self, chosen: pa.Table, failed: Callable[[str, str], None]
    ) -> Iterator[tuple[Facts, Callable[[], Picture]]]:
        """Yield the row of the slice folder and a function that draws it, for every chosen slice, scan by scan.

        Parameters
        ----------
        chosen : pyarrow.Table
            As `braincaption.render.choose.choose_slices` returns it.
        failed : callable
            Called with (scan id, message) for a scan that cannot be read; its slices are left out.
        """
        scans: dict[str, list[Facts]] = {}
        for row in chosen.to_pylist():
            scans.setdefault(row["image_id"], []).append(row)
        for image_id, rows in scans.items():
            try:
                scan = self.scan(self.captioned.volumes[rows[0]["volume_id"]])
            except ScanError as error:
                failed(image_id, str(error))
                continue
            yield from self._of_scan(scan, rows, failed)

    def _of_scan(
        self, scan: Scan, rows: list[Facts], failed: Callable[[str, str], None]
    ) -> Iterator[tuple[Facts, Callable[[], Picture]]]:
        broken: set[str] = set()
        for row in rows:
            if row["space_id"] in broken:
                continue
            try:
                self.centre(row["volume_id"])
            except ScanError as error:
                broken.add(row["space_id"])
                failed(row["space_id"], str(error))
                continue
            yield self._facts(row, scan), partial(self.paint, scan, row["volume_id"], row["plane"], row["index"])

    def _facts(self, row: Facts, scan: Scan) -> Facts:
        kept = ("volume_id", "plane", "index", "caption", "sequence", "field_strength_t", "position_mm", "split")
        return {name: row[name] for name in kept} | {
            "person": row["image_subject"],
            "pixel_mm": self.view.pixel_mm,
            "window_low": scan.window[0],
            "window_high": scan.window[1],
            "displayed_side": self.view.side(row["plane"]),
        }

    def scan(self, volume: Facts) -> Scan:
        """Read the image of a catalog row and take its intensity window.

        Raises
        ------
        ScanError
            The scan, or its mask, cannot be read, or they lie on different grids.
        """
        image = load_image(self.captioned.catalog.path(volume["image_path"]))
        mask = None
        if volume["mask_path"]:
            inside = load_labels(self.captioned.catalog.path(volume["mask_path"]))
            if not same_grid(image, inside):
                raise ScanError(f"{inside.path} lies on another grid than {image.path}: strip the scan again")
            mask = np.asarray(inside.data, dtype=np.uint16) > 0
        return Scan(volume=image, window=intensity_window(np.asarray(image.data, dtype=np.float32), mask))

    def centre(self, volume_id: str) -> npt.NDArray[np.float64]:
        """Return the middle of the brain whose grid the space is, in voxels of the space, shape (3,)."""
        row = self.captioned.volumes[volume_id]
        if row["space_id"] not in self._centres:
            space = load_image(self.captioned.catalog.path(row["space_path"]))
            self._centres[row["space_id"]] = brain_centre(np.asarray(space.data, dtype=np.float32))
        return self._centres[row["space_id"]]

    def paint(self, scan: Scan, volume_id: str, plane: str, index: int) -> Picture:
        """Return the picture of one slice, shape (size, size)."""
        row = self.captioned.volumes[volume_id]
        space = square(row["space_affine"])
        in_world = pixel_grid(space, plane, index, self.centre(volume_id), self.view)
        to_image = np.linalg.inv(scan.volume.affine) @ square(row["matrix"])
        return draw(
            np.asarray(scan.volume.data, dtype=np.float32),
            in_world.mapped(to_image),
            in_world.mapped(np.linalg.inv(space)),
            tuple(row["shape"]),
            scan.window,
            self.view.size,
        )


def square(written: list[float]) -> npt.NDArray[np.float64]:
    """Return the (4, 4) matrix that a catalog writes as 12 numbers, row by row."""
    return np.vstack([np.array(written, dtype=np.float64).reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])
