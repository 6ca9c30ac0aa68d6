"""A model's record in, its README.md out: what it is, what it came from, and the licence that it carries on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainldm.sdmri.model_folder import SdRecord

UNKNOWN = "unknown"
_OPENRAIL = "creativeml-openrail-m"
# Repositories of Stable Diffusion v1, whose snapshots may come without a card.
_KNOWN = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": _OPENRAIL,
    "runwayml/stable-diffusion-v1-5": _OPENRAIL,
    "CompVis/stable-diffusion-v1-4": _OPENRAIL,
}
_STATED = re.compile(r"^license:\s*['\"]?([A-Za-z0-9.+-]+)", re.MULTILINE)


def licence_of(folder: Path, name: str) -> str:
    """Return the licence that a base's card states, the one of a known name, or "unknown"."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    front = text.split("---")[1] if text.startswith("---") and text.count("---") > 1 else ""
    found = _STATED.search(front)
    return found.group(1) if found else _KNOWN.get(name, UNKNOWN)


def licence_files(folder: Path) -> list[Path]:
    """Return the licence texts that lie beside a base."""
    return sorted(path for path in folder.glob("LICENSE*") if path.is_file())


def card_text(record: SdRecord) -> str:
    """Return the model card as Markdown, with the front matter that the Hub reads."""
    data = record.data
    height, width = record.image_shape
    fields = ", ".join(f"{field:g} T" for field in record.fields_t) or "unknown field strengths"
    return f"""---
library_name: diffusers
license: {record.base_licence if record.base_licence != UNKNOWN else "other"}
base_model: {record.base}
tags: [mri, brain, stable-diffusion, text-to-image]
---
# SD-MRI {record.name}

A Stable Diffusion, fine-tuned to draw brain MRI slices of {width}×{height} pixels by contrast and field strength. For
research on synthetic data: not for diagnosis, and no picture it draws is of a person.

| | |
| --- | --- |
| base | {record.base}, sha256 {record.base_checksum[:16]} |
| licence | {record.base_licence}: the base's, which its derivatives carry |
| trained | {record.settings["trained"]["part"]}, {record.steps} steps, seed {record.seed} |
| training slices | {data["slices"]} of {data["people"]} people; {", ".join(record.sequences)}; {fields} |
| pictures inside | {record.size}×{record.size}, three equal channels |
{_notice(record.base_licence)}
`brain ldm generate "Axial T2-weighted MRI of the brain at 0.3 T" --out DIR --model THIS_FOLDER` draws with it;
`diffusers.StableDiffusionPipeline.from_pretrained(THIS_FOLDER)` reads it too. It has no safety checker: the base's was
made for photographs.
"""


def _notice(licence: str) -> str:
    if "openrail" in licence.lower():
        return (
            "\n**CreativeML Open RAIL-M.** Whoever passes this model or what it draws on must pass on the licence and "
            "its use restrictions (its attachment A) with it: among others no medical advice and no interpretation of "
            "medical results.\n"
        )
    if licence == UNKNOWN:
        return "\n**The base states no licence.** Ask its makers before you pass this model on.\n"
    return ""
