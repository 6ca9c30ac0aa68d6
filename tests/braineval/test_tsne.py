"""Slices of two folders in one plane: known neighbours by contrast, one result a seed, any extractor by its name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from braincaption.brain import build as brain
from braincaption.errors import BrainError
from braineval.report.scatter import scatter
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader
from braineval.tsne import plane

Make = Callable[..., Slices]


@pytest.fixture(scope="module")
def small_resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet in ResNet-18's layout with random weights."""
    from transformers import ResNetConfig, ResNetModel

    folder = tmp_path_factory.mktemp("resnet")
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic", num_channels=3
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ResNetModel(config).save_pretrained(folder)
    return folder


def shuffled(slices: Slices) -> Slices:
    """Return the same slices with their contrasts handed round."""
    table = slices.table.copy()
    table["sequence"] = np.random.default_rng(0).permutation(table["sequence"].to_numpy())
    return from_reader(Arrays(table=table, pixels=slices.images()), "shuffled")


def test_nearest_slices_are_of_their_contrast_where_contrasts_are_true_and_at_chance_where_not(make: Make) -> None:
    real = make(people=6, positions=4)
    found = plane({"real": real, "shuffled": shuffled(real)}, Settings(), 500)
    assert found.points.shape == (144, 2)
    assert np.isfinite(found.points).all()
    by = {(row["of"], row["nearest in"]): row for row in found.agreement}
    assert by["real", "real"]["same contrast"] > 0.9
    assert by["real", "real"]["chance"] == pytest.approx(1 / 3)
    assert abs(by["shuffled", "real"]["same contrast"] - 1 / 3) < 0.2
    assert {row["n"] for row in found.agreement} == {72}


def test_a_seed_gives_one_plane_and_at_most_so_many_slices(make: Make) -> None:
    folders = {"a": make(people=3), "b": make(people=3, seed=1)}
    one, two = (plane(folders, Settings(), 10) for _ in range(2))
    assert np.array_equal(one.points, two.points)
    assert (one.folders == "a").sum() == (one.folders == "b").sum() == 10
    with pytest.raises(NotDefinedError, match="t-SNE of 2 slices shows nothing"):
        plane({"a": make(people=1)}, Settings(), 2)


def test_the_drawing_has_a_mark_a_slice_and_escapes_names(make: Make) -> None:
    drawing = scatter(plane({"<b>": make(people=2, positions=2), "words": make(people=1)}, Settings(), 50))
    contrasts, first, second = 3, 12, 12
    assert drawing.count("<circle") == first + contrasts + 1
    assert drawing.count("<path") == second + 1
    assert "&lt;b&gt;" in drawing
    assert "<b>" not in drawing


def test_the_command_takes_any_extractor_with_its_weights(
    make: Make, write_folder: Callable[..., Path], small_resnet: Path, tmp_path: Path
) -> None:
    folders = [write_folder(tmp_path / name, make(people=3, seed=i)) for i, name in enumerate(("images", "maps"))]
    arguments = ["eval", "tsne", f"images={folders[0]}", f"words={folders[1]}", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(brain(), [*arguments, "--extractor", "radimagenet", "--weights", str(small_resnet)])
    assert done.exit_code == 0, done.stderr
    assert "words, nearest in images: same contrast" in done.stdout
    record = json.loads((tmp_path / "out" / "tsne.json").read_text())
    assert (record["extractor"], len(record["points"]), len(record["agreement"])) == ("radimagenet", 72, 4)
    assert (tmp_path / "out" / "tsne.svg").read_text().startswith("<svg")


def test_without_scikit_learn_the_extra_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(BrainError, match=r"braineval\[tsne\]"):
        plane({"a": make(people=2)}, Settings(), 50)
