"""Slices of a phantom cohort in, how each metric answers to blur, noise, ghosts … out: who notices what, and when.

    python benchmarks/eval/accept_sensitivity.py [--slices SLICE_FOLDER] [--out sensitivity.json]

Real: three quarters of the people. Generated: the other quarter, spoilt in eight ways at three strengths. Noticed is
what takes a value out of the interval of the unspoilt slices towards the worse side.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cohort import phantom_slices
from scipy import ndimage

from braineval import metrics
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Images = npt.NDArray[np.uint8]
STRENGTHS = (1, 2, 3)
EVERY = 4  # of the rendered slices: neighbours are alike, and a quarter takes a quarter of the time
UNPAIRED = ("frechet", "frechet-infinite", "kernel", "precision", "recall", "memorisation", "contrast-accuracy")
PAIRED = ("ssim", "ssim-brain", "psnr", "nmi", "ncc")


def blur(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Smooth by σ = 0.4, 0.8, 1.2 pixels."""
    return np.stack([ndimage.gaussian_filter(image, 0.4 * strength) for image in images])


def noise(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Add Rician noise of 2, 4, 6 % of the grey range."""
    spread = 0.02 * strength * 255
    real, other = rng.normal(0, spread, (2, *images.shape))
    return np.hypot(images + real, other).clip(0, 255).astype(np.uint8)


def ghosting(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Add a ghost of 8, 16, 24 % shifted by half the picture, as a patient's breathing makes."""
    shifted = np.roll(images, images.shape[1] // 2, axis=1)
    return (images + 0.08 * strength * shifted).clip(0, 255).astype(np.uint8)


def bias(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Multiply by a slope that falls by 20, 40, 60 % from left to right."""
    slope = 1 - 0.2 * strength * np.linspace(0, 1, images.shape[2])
    return (images * slope).astype(np.uint8)


def ventricles(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Fill the ventricles: the darkest or brightest pixels of the middle, in a third, two thirds, all of the slices."""
    filled = images.copy()
    middle = slice(images.shape[1] // 3, 2 * images.shape[1] // 3)
    for i in np.flatnonzero(rng.random(len(filled)) < strength / 3):
        part = filled[i, middle, middle]
        if part.any():
            centre, spread = np.median(part[part > 0]), part[part > 0].std()
            part[np.abs(part - centre) > spread] = centre
    return filled


def mirrored(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Turn left and right round in a third, two thirds, all of the slices."""
    turned = rng.random(len(images)) < strength / 3
    return np.where(turned[:, None, None], images[:, :, ::-1], images)


PIXELS: dict[str, Callable[[Images, int, np.random.Generator], Images]] = {
    function.__name__: function for function in (blur, noise, ghosting, bias, ventricles, mirrored)
}


def swapped(real: Slices, clean: Slices, strength: int, rng: np.random.Generator) -> Slices:
    """Ask for another contrast than is shown in 10, 20, 30 % of the slices."""
    table = clean.table
    names = sorted(table["sequence"].unique())
    wrong = rng.random(len(table)) < 0.1 * strength
    table["sequence"] = [
        names[(names.index(s) + w) % len(names)] for s, w in zip(table["sequence"], wrong, strict=True)
    ]
    return from_reader(Arrays(table=table, pixels=clean.images()), "swapped")


def copied(real: Slices, clean: Slices, strength: int, rng: np.random.Generator) -> Slices:
    """Put training slices in the place of 10, 20, 30 % of the slices."""
    pixels = clean.images()
    chosen = np.flatnonzero(rng.random(len(clean)) < 0.1 * strength)
    pixels[chosen] = real.images(rng.choice(np.flatnonzero(real.column("split") == "train"), len(chosen)))
    return from_reader(Arrays(table=clean.table, pixels=pixels), "copied")


def main() -> None:
    """Score every spoilt set with every metric and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path, help="slice folder of several people; a phantom cohort by default")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("sensitivity.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        real, clean = sides(given.slices or phantom_slices(Path(work), people=40, seed=5001))
        rows = [row(name, level, made, real, clean) for name, level, made in spoilt(real, clean)]
    record = {
        "command": "python benchmarks/eval/accept_sensitivity.py",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "real": [len(real), real.people],
        "generated": [len(clean), clean.people],
        "rows": rows,
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(markdown(rows))


def sides(folder: Path) -> tuple[Slices, Slices]:
    """Return real slices, with people marked as training and test, and unspoilt ones of a quarter of the people."""
    from braineval.slices import open_slices

    everything = open_slices(folder)
    position = everything.column("position_mm").astype(float)
    everything = everything.select((everything.column("plane") == "axial") & (position > -35) & (position < 60))
    everything = everything.select(np.arange(0, len(everything), EVERY))
    people = np.unique(everything.column("person").astype(str))
    aside = np.isin(everything.column("person").astype(str), people[::4])
    table = everything.table
    table["split"] = np.where(np.isin(table["person"], people[1::4]), "test", "train")
    marked = from_reader(Arrays(table=table, pixels=everything.images()), "phantom")
    return marked.select(~aside), marked.select(aside)


def spoilt(real: Slices, clean: Slices) -> list[tuple[str, int, Slices]]:
    """Return the unspoilt slices and every spoilt variant."""
    found = [("nothing", 0, clean)]
    for name, function in PIXELS.items():
        for level in STRENGTHS:
            pixels = function(clean.images(), level, np.random.default_rng(level))
            found.append((name, level, from_reader(Arrays(table=clean.table, pixels=pixels), name)))
    for swap in (swapped, copied):
        found += [(swap.__name__, level, swap(real, clean, level, np.random.default_rng(level))) for level in STRENGTHS]
    return found


UNSPOILT: dict[str, Score] = {}


def row(name: str, level: int, made: Slices, real: Slices, clean: Slices) -> dict[str, object]:
    """Return what every metric says of one variant, and which notice."""
    settings = Settings(draws=40, floor_draws=1)
    said: dict[str, float] = {}
    noticed = []
    for metric in (*UNPAIRED, *PAIRED):
        score = metrics.scorer(metric)(real if metric in UNPAIRED else clean, made, settings)
        said[metric] = round(score.value, 4)
        plain = UNSPOILT.setdefault(metric, score)
        if plain.ci95 is not None and level and worse(score, plain):
            noticed.append(metric)
    print(name, level, "noticed by", ", ".join(noticed), flush=True)
    return {"spoilt": name, "strength": level, "values": said, "noticed": noticed}


def worse(score: Score, plain: Score) -> bool:
    """Tell whether the value lies outside the unspoilt interval on the worse side."""
    assert plain.ci95 is not None
    # Unspoilt pairs are equal and their interval a point: rounding is no difference.
    step = 1e-6 * abs(plain.value)
    return score.value < plain.ci95[0] - step if score.higher_is_better else score.value > plain.ci95[1] + step


def markdown(rows: list[dict[str, object]]) -> str:
    """Return the table of the weakest strength each metric notices."""
    lines = ["| spoilt by | " + " | ".join((*UNPAIRED, *PAIRED)) + " |", "| --- " * (len(UNPAIRED + PAIRED) + 1) + "|"]
    for name in dict.fromkeys(str(row["spoilt"]) for row in rows if row["strength"]):
        cells = []
        for metric in (*UNPAIRED, *PAIRED):
            seen = [r["strength"] for r in rows if r["spoilt"] == name and metric in r["noticed"]]  # type: ignore[operator]
            cells.append(str(seen[0]) if seen else "–")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
