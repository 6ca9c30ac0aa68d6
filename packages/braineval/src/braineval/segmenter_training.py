"""Slices with their true labels in, a segmenter out: trained on training people, measured on people it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from braincaption.errors import UsageError
from braincaption.lut import load_lut
from braincaption.progress import track
from braineval.asked import asked_volumes
from braineval.heldout import HeldOut, hold_out
from braineval.label_slices import LabelSlices
from braineval.network import to_side
from braineval.overlap import pooled_dice
from braineval.segmenter import (
    About,
    Amounts,
    Segmenter,
    inputs,
    make_network,
    own_side,
    person_sums,
    save_segmenter,
)
from braineval.slices import Slices, pair
from braineval.structure_reader import agreement, f1
from braineval.tensors import as_grey

Classes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """How the segmenter is trained.

    Attributes
    ----------
    steps, batch : int
        Optimizer steps, slices a step.
    rate : float
        Peak learning rate of AdamW.
    side : int
        Larger slices are brought to this side, pixels.
    least : float
        Structures on a smaller share of the training slices than this are not learned.
    rarity : float
        Classes weigh as their share of the pixels to the power of minus this.
    seed : int
    """

    steps: int = 1500
    batch: int = 16
    rate: float = 1e-2
    side: int = 128
    least: float = 0.02
    rarity: float = 0.25
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Slices with the class of every pixel at the network's side, shape (n, side, side), classes renumbered."""

    slices: Slices
    truth: Classes


def train_segmenter(slices: Slices, truth: LabelSlices, out: Path, settings: SegmenterSettings) -> Segmenter:
    """Train on the training people of `slices`, measure on held-out ones, write the model folder `out`.

    Raises
    ------
    UsageError
        Keys or sizes of slices and labels differ, or too few of either.
    """
    rng = np.random.default_rng(settings.seed)
    left, right = pair(slices, truth.slices)
    if slices.shape != truth.slices.shape:
        raise UsageError(f"{truth.slices.name} has labels of another size than {slices.name}: draw them again")
    paired, labelled = slices.select(left), truth.slices.select(right)
    sides = hold_out(paired, rng)
    side = own_side(slices.shape, settings.side)
    where = {int(row): place for place, row in enumerate(paired.rows)}

    def pairs(part: Slices, kept: npt.NDArray[np.uint8]) -> Pairs:
        chosen = labelled.select([where[int(row)] for row in part.rows])
        return Pairs(slices=part, truth=kept[_to_side(chosen.images(), side)])

    kept, labels = _learned(labelled.select([where[int(row)] for row in sides.learned.rows]), truth, settings)
    learned, seen, unseen = (pairs(part, kept) for part in (sides.learned, sides.seen, sides.unseen))
    network = _fitted(learned, len(labels), side, rng, settings)
    draft = About(
        labels=labels,
        side=side,
        thresholds=(0.5,) * len(labels),
        mm3_per_pixel=_mm3_per_pixel(learned, labels),
        people_sha256=person_sums([str(person) for person in sides.learned.column("person")]),
        dice={},
        held_out=(len(unseen.slices), unseen.slices.people),
    )
    unmeasured = Segmenter(network=network, about=draft, sha256="")
    about = About(
        **{
            **vars(draft),
            "thresholds": _thresholds(unmeasured.pixels(seen.slices, settings.batch), shown(seen, labels)),
            "dice": {
                str(label): round(float(value), 4)
                for label, value in zip(
                    labels,
                    pooled_dice(unmeasured.classes(unseen.slices, settings.batch), unseen.truth, len(labels)),
                    strict=True,
                )
                if np.isfinite(value)
            },
        }
    )
    return save_segmenter(network, about, _card(about, sides, settings), out)


def shown(pairs: Pairs, labels: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return which structures each slice shows, shape (n, labels): as its caption says, else as its pixels do."""
    counted = np.stack([np.bincount(one.ravel(), minlength=len(labels) + 1)[1:] > 0 for one in pairs.truth])
    for i, said in enumerate(asked_volumes(pairs.slices)):
        if said:
            counted[i] = [label in said for label in labels]
    return counted


def _learned(
    labelled: Slices, truth: LabelSlices, settings: SegmenterSettings
) -> tuple[npt.NDArray[np.uint8], tuple[int, ...]]:
    """Return a table from old to new class, and the labels of the new classes."""
    on = np.zeros(len(truth.labels) + 1)
    for images in labelled.batches(256):
        on += sum(np.bincount(np.unique(image), minlength=len(on)) for image in images)
    often = [c for c in range(1, len(on)) if on[c] >= max(1.0, settings.least * len(labelled))]
    if not often:
        raise UsageError(f"{truth.slices.name} shows no structure on training slices: draw the labels again")
    kept = np.zeros(256, dtype=np.uint8)
    kept[often] = np.arange(1, len(often) + 1)
    return kept, tuple(truth.labels[c - 1] for c in often)


def _to_side(classes: Classes, side: int) -> Classes:
    """Return label pictures at `side` × `side` by the nearest pixel."""
    places = [((np.arange(side) + 0.5) * length / side).astype(np.intp) for length in classes.shape[1:]]
    return classes[:, places[0][:, None], places[1][None]]


def _fitted(
    learned: Pairs, classes: int, side: int, rng: np.random.Generator, settings: SegmenterSettings
) -> nn.Module:
    network = make_network(classes, int(rng.integers(2**31)))
    grey = to_side(as_grey(learned.slices.images()), side)
    share = np.bincount(learned.truth.ravel(), minlength=classes + 1) / learned.truth.size
    weights = torch.from_numpy((share.clip(min=1e-6) ** -settings.rarity).astype(np.float32))
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=settings.steps)
    for _ in track(range(settings.steps), "training the segmenter", settings.steps):
        drawn = rng.choice(len(grey), settings.batch)
        images, truth = _varied(grey[drawn], torch.from_numpy(learned.truth[drawn]), rng)
        loss = _loss(network(inputs(images)), truth.long(), weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return network.eval()


def _loss(logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return weighted cross-entropy plus 1 - soft Dice over the structures of the batch: small ones count as well."""
    chances = torch.softmax(logits, dim=1)
    wanted = functional.one_hot(truth, logits.shape[1]).movedim(-1, 1).float()
    both, total = (chances * wanted).sum(dim=(0, 2, 3)), (chances + wanted).sum(dim=(0, 2, 3))
    there = wanted.sum(dim=(0, 2, 3)) > 0
    dice = (2 * both[there] + 1) / (total[there] + 1)
    return functional.cross_entropy(logits, truth, weight=weights) + 1 - dice.mean()


def _varied(images: torch.Tensor, truth: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return slices and labels moved alike, slices with another brightness and softness; never mirrored."""
    n = len(images)
    angle, size = rng.normal(0, 0.08, n), rng.uniform(0.9, 1.1, n)
    turn = torch.zeros(n, 2, 3)
    turn[:, 0, 0] = turn[:, 1, 1] = torch.from_numpy(size * np.cos(angle)).float()
    turn[:, 1, 0] = torch.from_numpy(size * np.sin(angle)).float()
    turn[:, 0, 1] = -turn[:, 1, 0]
    turn[:, :, 2] = torch.from_numpy(rng.uniform(-0.06, 0.06, (n, 2))).float()
    grid = functional.affine_grid(turn, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    labels = functional.grid_sample(truth[:, None].float(), grid, mode="nearest", align_corners=False)[:, 0]
    soft = functional.avg_pool2d(moved, 3, stride=1, padding=1, count_include_pad=False)
    moved = moved + torch.from_numpy(rng.uniform(0, 0.5, (n, 1, 1, 1))).float() * (soft - moved)
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.15, (n, 1, 1, 1)))).float()
    return moved.clamp(1e-6, 1) ** gamma, labels


def _mm3_per_pixel(learned: Pairs, labels: tuple[int, ...]) -> float:
    """Return the captions' volume of a labelled pixel, or the pixel's area × 1 mm where no caption says."""
    asked = asked_volumes(learned.slices)
    said = np.array([sum(one.get(label, 0.0) for label in labels) if one else 0.0 for one in asked])
    pixels = (learned.truth > 0).sum(axis=(1, 2))
    known = said > 0
    if known.any() and pixels[known].sum():
        return float(said[known].sum() / pixels[known].sum())
    size = learned.slices.column("pixel_mm")[0]
    return float(size) ** 2 * (learned.slices.shape[0] / learned.truth.shape[1]) ** 2 if size is not None else 1.0


def _thresholds(pixels: Amounts, there: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Return for each structure the number of expected pixels that separates present from absent best (F1)."""
    found = []
    for column, truth in zip(pixels.T, there.T, strict=True):
        tried = np.unique(np.concatenate([[0.5], np.quantile(column, np.linspace(0, 1, 101))]))
        values = [f1(agreement(column[:, None] >= one, truth[:, None])) for one in tried]
        found.append(float(tried[int(np.argmax(values))]))
    return tuple(found)


def _card(about: About, sides: HeldOut, settings: SegmenterSettings) -> str:
    lut = load_lut("freesurfer")
    rows = [f"| {label} | {lut.phrase(int(label))} | {value:.3f} |" for label, value in about.dice.items()]
    return "\n".join(
        [
            "# Segmenter of slices",
            "",
            f"MONAI U-Net, {settings.steps} steps of {settings.batch}, seed {settings.seed}, on {len(sides.learned)} "
            f"slices of {sides.learned.people} people, {about.side} × {about.side} pixels. Dice on "
            f"{about.held_out[0]} slices of {about.held_out[1]} people it has not seen, pooled over slices: mean "
            f"{about.mean_dice:.3f}. Names are FreeSurfer's where it has the number.",
            "",
            "| label | structure | Dice |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )
