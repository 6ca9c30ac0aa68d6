"""What a step learns from: contrasts come equally often, never with themselves, from patches that show the head."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.network import grey_levels
from brainldm.tumsyn.patches import draw_batch
from brainldm.tumsyn.settings import SynthesisTraining, load_tumsyn_config
from brainldm.tumsyn.volumes import Stored

TRAINING = replace(load_tumsyn_config("tiny").training, patch=4, scale_max=1.0, queries=16, batch=1, forget=0,
                   from_t1w=0, answers="contrasts")  # fmt: skip
LEVELS = {"T1w": 0.25, "T2w": 0.5, "FLAIR": 0.75}


def stored(folder: Path, name: str, contrast: str) -> Stored:
    """Write a small head in one corner of a box, in the contrast's grey value."""
    voxels = np.zeros((24, 24, 24), dtype=np.float16)
    voxels[2:14, 2:14, 2:14] = LEVELS[contrast]
    np.save(folder / f"{name}.npy", voxels)
    facts = Facts(contrast=contrast, zooms=(1.0, 1.0, 1.0))
    file = folder / f"{name}.npy"
    return Stored(file=file, shown_file=file, name=name, person="1", session="1", facts=facts)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stored, ...]:
    """One T1w, one FLAIR and eight T2w of a person."""
    folder = tmp_path_factory.mktemp("stored")
    echoes = [stored(folder, f"t2-{number}", "T2w") for number in range(8)]
    return (stored(folder, "t1", "T1w"), *echoes, stored(folder, "flair", "FLAIR"))


def pairs_drawn(session: tuple[Stored, ...], settings: SynthesisTraining) -> Counter[tuple[str, str]]:
    """Count the sources and answers of 300 patches, those of nothing left out."""
    pairs: Counter[tuple[str, str]] = Counter()
    for step in range(300):
        batch = draw_batch([session], settings, 0, step)
        if shown := float(batch.patches.max()):
            source = min(LEVELS, key=lambda name: abs(LEVELS[name] - shown))
            pairs[source, str(batch.facts[0].contrast)] += 1
    return pairs


def test_a_contrast_acquired_often_comes_no_more_often(session: tuple[Stored, ...]) -> None:
    pairs = pairs_drawn(session, TRAINING)
    assert len(pairs) == 6
    assert all(source != target for source, target in pairs)
    assert min(pairs.values()) > 25, "50 each on average"


def test_t1w_may_be_the_source_more_often(session: tuple[Stored, ...]) -> None:
    pairs = pairs_drawn(session, replace(TRAINING, from_t1w=0.8))
    assert len(pairs) == 6
    assert pairs["T1w", "T2w"] + pairs["T1w", "FLAIR"] > 0.7 * pairs.total()
    without = pairs_drawn(session[1:], replace(TRAINING, from_t1w=0.8))
    assert len(without) == 2, "a session without T1w starts from what it has"


def test_every_echo_may_count_as_an_answer_of_its_own(session: tuple[Stored, ...]) -> None:
    pairs = pairs_drawn(session, replace(TRAINING, answers="scans"))
    assert all(source != target for source, target in pairs)
    assert pairs["T1w", "T2w"] > 3 * pairs["T1w", "FLAIR"], "eight echoes and one FLAIR"
    assert pairs["FLAIR", "T2w"] > 3 * pairs["FLAIR", "T1w"]


def test_most_patches_show_the_head(session: tuple[Stored, ...]) -> None:
    empty = [float(draw_batch([session], TRAINING, 1, step).patches.max()) == 0 for step in range(100)]
    assert np.mean(empty) < 0.2, "the head fills an eighth of the box: half of all crops would be empty"


def test_a_session_of_one_contrast_lends_two_of_its_scans(session: tuple[Stored, ...]) -> None:
    batch = draw_batch([session[1:3]], TRAINING, 0, 0)
    assert batch.facts[0].contrast == "T2w"


def test_the_share_asked_for_is_shown_as_acquired(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(0.5, 1, (24, 24, 24)).astype(np.float16)
    scans = [stored(tmp_path, name, name) for name in ("T1w", "T2w")]
    for scan in scans:
        np.save(scan.file, noise)
    settings = replace(TRAINING, scale_min=1.5, scale_max=2.0, native=0.5)
    shown = [draw_batch([scans], settings, 0, step).patches.numpy() for step in range(200)]
    untouched = [bool(np.isin(patch, noise.astype(np.float32)).all()) for patch in shown]
    assert 0.4 < np.mean(untouched) < 0.6
    degraded = [patch for patch, as_is in zip(shown, untouched, strict=True) if not as_is]
    assert np.mean([patch.std() for patch in degraded]) < 0.7 * noise.std()


def test_a_degraded_patch_has_the_edge_of_a_stripped_scan(tmp_path: Path) -> None:
    voxels = np.zeros((24, 24, 24), dtype=np.float16)
    voxels[3:21, 3:21, 3:21] = 0.5
    scans = [stored(tmp_path, name, name) for name in ("T1w", "T2w")]
    for scan in scans:
        np.save(scan.file, voxels)
    settings = replace(TRAINING, scale_min=1.5, scale_max=2.0, native=0.0)
    shown = np.concatenate([draw_batch([scans], settings, 0, step).patches.numpy().ravel() for step in range(100)])
    np.testing.assert_array_almost_equal(np.unique(shown.round(3)), [0.0, 0.5])


def test_levels_share_a_grey_value_and_lose_nothing() -> None:
    grey = torch.linspace(0, 1, 97).view(1, 1, 97, 1, 1)
    levels = grey_levels(grey, 12)
    assert levels.shape == (1, 12, 97, 1, 1)
    torch.testing.assert_close(levels.sum(1, keepdim=True), torch.ones_like(grey))
    places = torch.linspace(0, 1, 12).view(1, 12, 1, 1, 1)
    torch.testing.assert_close((levels * places).sum(1, keepdim=True), grey)
    assert grey_levels(grey, 1) is grey
