"""The segmenter learns squares in seconds; adherence, volumes and refusals follow from what it sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braincaption.slicefolder import write_slices
from braineval import metrics
from braineval.label_slices import CLASSES, open_labels
from braineval.overlap import icc, pooled_dice
from braineval.report import build
from braineval.score import NotDefinedError
from braineval.segmenter import load_segmenter
from braineval.segmenter_training import SegmenterSettings, train_segmenter
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]
LABELS = (10, 16, 49)
NAMES = {10: "left thalamus", 16: "brainstem", 49: "right thalamus"}
COLUMNS = {10: 10, 16: 26, 49: 44}


def told(make: Make, people: int, seed: int) -> tuple[Slices, np.ndarray]:  # type: ignore[type-arg]
    """Slices with squares of random height, captioned in braincaption's words, and their classes."""
    plain = make(people=people, positions=6, seed=seed)
    rng = np.random.default_rng(seed)
    pixels, table = plain.images(), plain.table
    classes = np.zeros_like(pixels)
    for i in range(len(plain)):
        shown = [label for label in LABELS if rng.random() < 0.6] or [16]
        said = []
        for label in shown:
            height, column = int(rng.integers(4, 16)), COLUMNS[label]
            pixels[i, 40 : 40 + height, column : column + 10] = 255
            classes[i, 40 : 40 + height, column : column + 10] = 1 + LABELS.index(label)
            said.append(f"{NAMES[label]} [{height * 10 * 2} mm³]")
        table.loc[i, "caption"] = (
            f"Axial T1-weighted MRI; slice 4.5 mm above the origin. Impression: {', '.join(said)}."
        )
    return from_reader(Arrays(table=table, pixels=pixels), "told"), classes


@pytest.fixture(scope="module")
def taught(make: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Slices]:
    """A segmenter's folder and the real slices it was trained on (people 3 and 7 held out)."""
    folder = tmp_path_factory.mktemp("segmenter")
    real, classes = told(make, people=8, seed=0)
    rows = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in real.table.to_dict("records")]
    write_slices(folder / "labels", zip(rows, classes, strict=True), about={CLASSES: "[10, 16, 49]"})  # type: ignore[arg-type]
    train_segmenter(real, open_labels(folder / "labels"), folder / "model", SegmenterSettings(steps=80, batch=8))
    return folder / "model", real


def test_segmenter_finds_squares_on_people_it_has_not_seen(taught: tuple[Path, Slices]) -> None:
    about = load_segmenter(taught[0]).about
    assert about.labels == LABELS and about.held_out == (36, 2)
    assert about.mean_dice > 0.85
    assert about.mm3_per_pixel == pytest.approx(2, rel=0.01)
    assert len(about.people_sha256) == 6 and "sub-" not in (taught[0] / "config.json").read_text()


def test_adherence_sets_volumes_asked_against_volumes_found(make: Make, taught: tuple[Path, Slices]) -> None:
    folder, real = taught
    made, _ = told(make, people=3, seed=9)
    settings = Settings(draws=20, segmenter=folder)
    score = metrics.scorer("caption-adherence")(real, made, settings)
    assert score.value > 0.9 and score.extractor == "segmenter"
    assert score.floor.people is not None and score.floor.people > 0.9 and score.floor.n == (108, 36)
    found = [(row["icc"], row["pearson"]) for row in score.details["by_structure"]]
    assert len(found) == 3 and min(min(pair) for pair in found) > 0.6, found
    assert "mean Dice of 0." in score.preprocessing and "exchanged" in score.preprocessing
    table = made.table
    table["caption"] = np.roll(table["caption"].to_numpy(), 7)
    wrong = from_reader(Arrays(table=table, pixels=made.images()), "wrong")
    assert metrics.scorer("caption-adherence")(real, wrong, settings).value < score.value - 0.2


def test_volume_agreement_is_one_for_copies_and_falls_for_other_slices(make: Make, taught: tuple[Path, Slices]) -> None:
    folder, real = taught
    settings = Settings(draws=20, segmenter=folder)
    score = metrics.scorer("volume-agreement")(real, real, settings)
    assert score.value == pytest.approx(1) and score.ci95 == pytest.approx((1, 1))
    assert score.floor.people is not None and score.floor.people < 0.5
    assert "mean Dice 1.000" in score.preprocessing
    asked, _ = told(make, people=3, seed=9)
    prompts = from_reader(
        Arrays(table=asked.table.assign(volume_id=[f"prompt-{i}" for i in range(len(asked))]), pixels=asked.images()),
        "prompts",
    )
    against = metrics.scorer("volume-agreement")(real, prompts, settings)
    assert 0.7 < against.value < 1 and "asked for and found" in against.preprocessing


def test_the_report_shows_volumes_structure_by_structure(
    taught: tuple[Path, Slices], tmp_path: Path, write_folder: Callable[..., Path]
) -> None:
    real = write_folder(tmp_path / "real", taught[1])
    settings = Settings(draws=2, segmenter=taught[0])
    page = build(real, {"copy": real}, tmp_path / "report", settings=settings, chosen=("volume-agreement",))
    text = page.read_text()
    assert "Structure by structure" in text and "10 left thalamus" in text and "ICC(2,1)" in text


def test_without_a_segmenter_the_metric_says_how_to_get_one(make: Make, tmp_path: Path) -> None:
    real = make(people=2)
    with pytest.raises(NotDefinedError, match=r"draw-labels.*train-segmenter.*--segmenter"):
        metrics.scorer("volume-agreement")(real, real, Settings())
    with pytest.raises(Exception, match="holds no segmenter"):
        metrics.scorer("volume-agreement")(real, real, Settings(segmenter=tmp_path))


def test_grey_slices_are_no_labels(make: Make, tmp_path: Path, write_folder: Callable[..., Path]) -> None:
    with pytest.raises(Exception, match=r"grey values, wanted classes.*draw-labels"):
        open_labels(write_folder(tmp_path / "grey", make(people=1)))


def test_icc_of_known_table_and_dice_of_known_squares() -> None:
    # Shrout and Fleiss 1979, table 2, judges 1 and 2: ICC(2,1) by their formulas.
    first, second = np.array([9.0, 6, 8, 7, 10, 6]), np.array([2.0, 1, 4, 1, 5, 2])
    rows, columns = np.stack([first, second], 1), 2
    between = columns * rows.mean(1).var(ddof=1)
    judges = 6 * rows.mean(0).var(ddof=1)
    residual = (rows.var(ddof=0) * 12 - between * 5 - judges) / 5
    assert icc(first, second) == pytest.approx(
        (between - residual) / (between + residual + 2 * (judges - residual) / 6)
    )
    one, other = np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.uint8)
    one[0, :2], other[0, 1:3] = 1, 1
    dice = pooled_dice(one, other, 2)
    assert dice[0] == pytest.approx(0.5) and np.isnan(dice[1])
