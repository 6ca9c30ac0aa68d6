"""The system in miniature, one minute: on people it has not seen it follows the mask.

benchmarks/zoo/accept_controllable.py asks the same of phantom brains, and for the contrast, which is learned later.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from braincaption.slicefolder import write_slices
from braineval.resample import mean_interval
from brainldm.config import Config, load_config
from brainldm.controllable.agreement import tolerant_dice
from brainldm.controllable.canny import canny
from brainldm.controllable.generate import ControlledGenerator
from brainldm.controllable.settings import load_control_config
from brainldm.controllable.train import train_control
from brainldm.controllable.training_lines import cached_lines
from brainldm.generate import SamplerSettings
from brainldm.latents import encode_slices, read_latents
from brainldm.slices import Slices, load_slices
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

SIZE = 32
GREY = {"T1w": (210, 90), "T2w": (100, 220), "FLAIR": (160, 20)}  # of the head and of what lies in it
HOW = SamplerSettings(steps=12, sampler="ddim", guidance=1.5, negative="")


def draw(person: int, sequence: str) -> np.ndarray:
    """Return a head of its own size and place with a hole of its own: both are a person's, not a contrast's."""
    rng = np.random.default_rng(person)
    rows, columns = np.indices((SIZE, SIZE)) + 0.5
    picture = np.zeros((SIZE, SIZE), dtype=np.uint8)
    middle, radii = rng.uniform(11, 21, 2), rng.uniform(6, 11, 2)
    inside = ((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2
    picture[inside < 1] = GREY[sequence][0]
    picture[(inside < 0.7) & (rows < middle[0]) & (columns > middle[1])] = GREY[sequence][1]
    return picture


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slices of 120 people in three contrasts; twelve are held out for the test."""
    out = tmp_path_factory.mktemp("people") / "slices"
    rows = []
    for person in range(120):
        for sequence in GREY:
            facts = {
                "volume_id": f"made_sub-{person}_{sequence}", "plane": "axial", "index": 0, "sequence": sequence,
                "caption": f"Axial {sequence} slice.", "person": f"made/{person}",
                "split": "test" if person >= 108 else "validation" if person >= 106 else "train",
            }  # fmt: skip
            rows.append((facts, draw(person, sequence)))
    write_slices(out, rows)
    return out


def miniature() -> Config:
    """Return tiny with fewer steps."""
    config = load_config("tiny")
    return replace(
        config,
        vae_training=replace(config.vae_training, steps=200),
        unet=replace(config.unet, channels=(16, 32, 32), head_channels=(0, 16, 16)),
        ldm_training=replace(config.ldm_training, steps=300, batch=16, caption_variants=1),
    )


@pytest.fixture(scope="module")
def test_people(people: Path) -> Slices:
    return load_slices(people, "test", 4)


@pytest.fixture(scope="module")
def drawn(people: Path, test_people: Slices, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Pictures of the test people's captions under their own edges."""
    out, base = tmp_path_factory.mktemp("miniature"), miniature()
    training, held_out = load_slices(people, "train", 4), load_slices(people, "validation", 4)
    train_vae(training, held_out, base, 0, out / "vae", None)
    encode_slices(training, out / "vae", "built-in", 0, out / "latents")
    latents = read_latents(out / "latents")
    train_ldm(latents, base, 0, out / "base", None)
    config = load_control_config("tiny")
    own_lines = replace(config.control, other_contrast=0.0)  # the share that is learned elsewhere costs steps
    config = replace(config, base=base, control=own_lines, training=replace(config.training, steps=250, batch=16))
    edges = cached_lines(training, people, config.control, out / "lines")
    train_control(latents, edges, out / "base", config, 0, out / "model", None)
    lines = np.stack([canny(picture) for picture in test_people.pictures])
    captions = test_people.table["caption"].tolist()
    return ControlledGenerator(out / "model").draw_under(captions, range(len(captions)), lines, HOW)


def test_edges_agree_with_the_own_mask_more_than_with_those_of_other_people(
    drawn: np.ndarray, test_people: Slices
) -> None:
    table, lines = test_people.table, [canny(picture) for picture in test_people.pictures]
    gain = []
    for i, picture in enumerate(drawn):
        others = np.flatnonzero((table["sequence"] == table["sequence"][i]) & (table["person"] != table["person"][i]))
        edges = canny(picture)
        apart = np.mean([tolerant_dice(edges, lines[other]) for other in others])
        gain.append(tolerant_dice(edges, lines[i]) - apart)
    units = np.unique(table["person"], return_inverse=True)[1]
    interval = mean_interval(np.array(gain), units, 2000, np.random.default_rng(0))
    assert np.mean(gain) >= 0.2
    assert interval is not None
    assert interval[0] > 0
