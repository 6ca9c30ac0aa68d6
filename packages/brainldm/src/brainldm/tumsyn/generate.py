"""A scan, prompts and a model folder in, a NIfTI volume a prompt with its sidecar out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braincaption.nifti import Volume, load_image
from brainldm.device import inference_device
from brainldm.systems import DrawingRequest
from brainldm.tumsyn.bias import corrected
from brainldm.tumsyn.facts import Facts, read_prompt, within
from brainldm.tumsyn.grid import Grid
from brainldm.tumsyn.infer import synthesise
from brainldm.tumsyn.intensity import normalised
from brainldm.tumsyn.model_folder import load_model, model_checksum
from brainldm.tumsyn.volumes import canonical

_NAMED_DIGITS = 12
_MOST_VOXELS = 2**30
_NOT_TAKEN = ("steps", "sampler", "guidance", "negative", "mask")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A volume made.

    Attributes
    ----------
    data : ndarray of float32
        From 0 to 1, on the source's axes.
    affine : ndarray, shape (4, 4)
    asked, facts : Facts
        As asked for, and as the model was told: see `brainldm.tumsyn.facts.within`.
    """

    data: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]
    asked: Facts
    facts: Facts


class VolumeMaker:
    """A trained model, ready to make volumes.

    Parameters
    ----------
    folder : Path
        A model folder that `brain ldm train tumsyn` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.record, network, self.encoder = load_model(folder)
        self.network = network.to(inference_device())
        self.name = f"{self.record.name}-tumsyn@{model_checksum(folder)[:_NAMED_DIGITS]}"

    def facts(self, prompt: str) -> Facts:
        """Return what a prompt asks for."""
        return read_prompt(prompt, self.record.contrasts, self.record.makers)

    def make(self, source: Volume, facts: Facts, zooms: tuple[float, ...] | None = None) -> Made:
        """Return the volume that `facts` ask for.

        Parameters
        ----------
        source : Volume
            Any contrast; any orientation, oblique too.
        facts : Facts
            Its voxel size, along right, anterior and superior, holds where `zooms` is None.
        zooms : tuple of float, optional
            Voxel size along the source's axes, mm. Without one in either place the source's own.

        Raises
        ------
        UsageError
            More voxels than 2³⁰.
        """
        image = canonical(normalised(source.data.astype(np.float32)), source.affine)
        grid = Grid(shape=image.shape, affine=np.asarray(image.affine, dtype=np.float64))
        turned = nib.io_orientation(source.affine)
        if zooms is not None:
            axes = turned[:, 0].astype(int)
            facts = replace(facts, zooms=tuple(zooms[int(np.flatnonzero(axes == axis)[0])] for axis in range(3)))
        wanted = tuple(float(zoom) for zoom in (facts.zooms or grid.zooms))
        target = grid.at(wanted)
        if np.prod(target.shape, dtype=np.float64) > _MOST_VOXELS:
            raise UsageError(f"a voxel size of {wanted} mm makes {target.shape} voxels: ask for larger ones")
        asked = replace(facts, zooms=tuple(round(zoom, 4) for zoom in wanted))
        taken, _ = within(asked, self.record.trained)
        text = self.encoder.encode([taken])
        voxels = np.asarray(image.dataobj, dtype=np.float32)
        voxels = corrected(voxels, tuple(grid.zooms)) if self.record.synthesis.bias_corrected else voxels
        data = synthesise(self.network, text, voxels, grid, target, self.record.inference)
        made = nib.Nifti1Image(data, target.affine)
        back = made.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(made.affine), turned))
        return Made(
            data=np.asarray(back.dataobj, dtype=np.float32), affine=np.asarray(back.affine, np.float64), asked=asked,
            facts=taken,
        )  # fmt: skip


def generate(request: DrawingRequest) -> str:
    """Write what was asked for into the folder `request.out` and say what came of it, in one line.

    A volume that is there already, made by the same model from the same scan and prompt, is left as it is.

    Raises
    ------
    UsageError
        No image, options of other systems, or a prompt that names no contrast of the model.
    ScanError
        The image is broken, or a series.
    """
    image = _checked(request)
    maker = VolumeMaker(request.folder)
    prompts = _prompts(request.prompt)
    asked = [maker.facts(prompt) for prompt in prompts]
    source = load_image(image)
    origin = {"Model": maker.name, "SourceSHA256": hashlib.sha256(image.read_bytes()).hexdigest()}
    for number, (prompt, facts) in enumerate(zip(prompts, asked, strict=True), start=1):
        path = request.out / _file_name(image, str(facts.contrast), number if len(prompts) > 1 else None)
        about = {**origin, "Prompt": prompt, "Zooms": None if request.zooms is None else list(request.zooms)}
        if not _is_there(path, about):
            _write(path, maker.make(source, facts, request.zooms), about, image)
    contrasts = ", ".join(str(facts.contrast) for facts in asked)
    changed = dict.fromkeys(line for facts in asked for line in within(facts, maker.record.trained)[1])
    said = f"{len(prompts)} volume{'s' * (len(prompts) > 1)} ({contrasts}) from {image.name} with {maker.name}"
    return "; ".join([said, *changed])


def _checked(request: DrawingRequest) -> Path:
    given = [f"--{name}" for name in _NOT_TAKEN if request.options.get(name)]
    if given:
        raise UsageError(f"a model of tumsyn takes no {', '.join(given)}: leave it out")
    if request.options.get("n", 1) != 1:
        raise UsageError("a model of tumsyn makes one volume a prompt, always the same: leave --n out")
    if request.image is None:
        raise UsageError("a model of tumsyn makes volumes from a scan: give one with --image")
    if not request.image.is_file():
        raise UsageError(f"--image {request.image} does not exist or is no file: give a NIfTI volume")
    return request.image


def _prompts(source: str) -> list[str]:
    """Return the prompt, or the captions of a Parquet file."""
    if not source.endswith(".parquet"):
        return [source]
    try:
        table = pd.read_parquet(source)
    except Exception as error:  # pyarrow raises many kinds; all mean the same to the user
        raise UsageError(f"{source} is no readable Parquet file ({' '.join(str(error).split())[:80]})") from None
    if "caption" not in table.columns or table["caption"].isna().any() or not len(table):
        raise UsageError(f"{source} has columns {', '.join(table.columns)}, wanted a caption in every row")
    return [str(caption) for caption in table["caption"]]


def _file_name(image: Path, contrast: str, number: int | None) -> str:
    """Return a BIDS name: the source's entities, desc-synthetic, and the contrast as suffix."""
    stem = image.name.removesuffix(".gz").removesuffix(".nii")
    parts = [part for part in stem.split("_")[:-1] if not part.startswith("desc-")] or [stem]
    return "_".join([*parts, f"desc-synthetic{'' if number is None else number}", contrast]) + ".nii.gz"


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")


def _is_there(path: Path, about: dict[str, Any]) -> bool:
    if not path.is_file() or not _sidecar(path).is_file():
        return False
    try:
        written = json.loads(_sidecar(path).read_text(encoding="utf-8"))
    except ValueError:
        return False
    return all(written.get(key) == value for key, value in about.items())


def _write(path: Path, made: Made, about: dict[str, Any], image: Path) -> None:
    """Write voxels, then the sidecar in BIDS' terms (seconds); a volume with a sidecar is whole."""
    _sidecar(path).unlink(missing_ok=True)
    volume = nib.Nifti1Image(made.data, made.affine)
    volume.header.set_xyzt_units("mm")
    with atomic_path(path) as aside:
        nib.save(volume, aside)
    facts = made.facts
    seconds = {"RepetitionTime": facts.tr_ms, "EchoTime": facts.te_ms, "InversionTime": facts.ti_ms}
    said = {
        "Description": "Synthetic: made by a model from another scan, not acquired",
        **about,
        "PromptAsRead": made.asked.prompt,
        "PromptAsTaken": facts.prompt,
        "Sources": [image.name],
        "MagneticFieldStrength": facts.field_t,
        "Manufacturer": facts.maker,
        "FlipAngle": facts.flip_deg,
        **{key: None if value is None else round(value / 1000, 6) for key, value in seconds.items()},
    }
    kept = {key: value for key, value in said.items() if value is not None or key in about}
    with atomic_path(_sidecar(path)) as aside:
        aside.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
