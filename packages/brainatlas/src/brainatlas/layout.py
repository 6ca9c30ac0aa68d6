"""A scan in, the paths of everything made from it out: the one place that knows how OUT of brainatlas is laid out.

``OUT/<cohort>/sub-X[/ses-Y]/anat/<stem>_…``; every cohort folder is a BIDS derivatives dataset of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from brainatlas.cohorts import Scan


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a scan's outputs stand.

    Attributes
    ----------
    out : Path
        OUT of brainatlas.
    cohort, stem, suffix : str
        As in `Scan`: ``<cohort>_<stem>_<suffix>`` is the scan id.
    """

    out: Path
    cohort: str
    stem: str
    suffix: str

    @property
    def scan_id(self) -> str:
        """``<cohort>_<stem>_<suffix>``."""
        return f"{self.cohort}_{self.stem}_{self.suffix}"

    @property
    def folder(self) -> Path:
        """The scan's ``anat`` folder."""
        entities = self.stem.split("_")
        folder = self.out / self.cohort / entities[0]
        if len(entities) > 1 and entities[1].startswith("ses-"):
            folder /= entities[1]
        return folder / "anat"

    def _file(self, rest: str) -> Path:
        return self.folder / f"{self.stem}_{rest}"

    @property
    def brain(self) -> Path:
        """The stripped scan."""
        return self._file(f"desc-brain_{self.suffix}.nii.gz")

    @property
    def sidecar(self) -> Path:
        """What is known about the scan; it is written last, so that its presence says the scan is stripped."""
        return self._file(f"desc-brain_{self.suffix}.json")

    @property
    def mask(self) -> Path:
        """The brain mask."""
        return self._file(f"space-{self.suffix}_desc-brain_mask.nii.gz")

    @property
    def mask_sidecar(self) -> Path:
        """BIDS' sidecar of the mask."""
        return self._file(f"space-{self.suffix}_desc-brain_mask.json")

    @property
    def reference(self) -> str:
        """BIDS URI of the stripped scan, within its cohort's dataset."""
        return f"bids::{self.brain.relative_to(self.out / self.cohort).as_posix()}"

    def transform(self, target: str = "template") -> Path:
        """The affine from this scan to `target` ("template", or a scan id for pairwise), an ITK .mat."""
        return self._file(f"from-{self.suffix}_to-{plain(target)}_mode-image_xfm.mat")

    def warp(self, target: str = "template", direction: str = "forward") -> Path:
        """The deformable transform (.h5); "inverse" is the way back."""
        source, sink = (self.suffix, plain(target)) if direction == "forward" else (plain(target), self.suffix)
        return self._file(f"from-{source}_to-{sink}_mode-image_desc-syn_xfm.h5")

    def labels(self, method: str) -> Path:
        """The label map of a fuser, or the manual one ("manual")."""
        return self._file(f"space-{self.suffix}_desc-{method}_dseg.nii.gz")

    def label_names(self, method: str) -> Path:
        """The table of structures beside a label map."""
        return self._file(f"space-{self.suffix}_desc-{method}_dseg.tsv")

    def label_record(self, method: str) -> Path:
        """The sidecar of a label map: how it was made; written last, so that its presence says it is done."""
        return self._file(f"space-{self.suffix}_desc-{method}_dseg.json")

    def confidence(self, method: str) -> Path:
        """The map of how sure a fuser is of its label, 0 to 1."""
        return self._file(f"space-{self.suffix}_desc-{method}confidence_probseg.nii.gz")

    def confidence_record(self, method: str) -> Path:
        """BIDS' sidecar of the confidence map."""
        return self._file(f"space-{self.suffix}_desc-{method}confidence_probseg.json")


def place_of(out: Path, scan: Scan) -> Place:
    """Return where the outputs of `scan` stand in `out`."""
    return Place(out=out, cohort=scan.cohort, stem=scan.stem, suffix=scan.suffix)


def plain(identifier: str) -> str:
    """Return `identifier` without separators, as BIDS wants a label: letters and digits only."""
    return re.sub(r"[^A-Za-z0-9]", "", identifier)


def work_folder(out: Path) -> Path:
    """Where nipype's working files lie while a command runs; removed when it ends."""
    return out / ".work"
