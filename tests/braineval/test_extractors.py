"""Extractors by name: tiny random DINO and ResNet saved here; features are kept between runs; nothing downloads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from braineval import extractors, metrics
from braineval.extractors.radimagenet import renamed
from braineval.features import extract
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DINOv2 of two thin layers and a ResNet of four thin stages."""
    from transformers import Dinov2Config, Dinov2Model, ResNetConfig, ResNetModel

    made = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        thin = Dinov2Config(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
        Dinov2Model(thin).save_pretrained(made / "dino")
        net = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 16, 24], depths=[1, 1, 1, 1])
        ResNetModel(net).save_pretrained(made / "resnet")
    return made


@pytest.mark.parametrize(("name", "model", "dimension"), [("dino", "dino", 16), ("radimagenet", "resnet", 24)])
def test_an_extractor_by_folder_names_its_distances(
    name: str, model: str, dimension: int, make: Make, folder: Path
) -> None:
    real = make(people=2, positions=2)
    settings = Settings(extractor=name, weights=folder / model, draws=2, floor_draws=1)
    score = metrics.scorer("frechet")(real, real, settings)
    assert score.metric == f"frechet-{name}" and score.value == pytest.approx(0, abs=1e-6)
    by_name = Settings(extractor=name, weights_by_name=((name, folder / model),), draws=2, floor_draws=1)
    assert metrics.scorer("frechet")(real, real, by_name).extractor_sha256 == score.extractor_sha256
    loaded = extractors.load(name, folder / model)
    assert loaded.dimension == dimension and len(loaded.sha256) == 64
    assert loaded(real.images()).shape == (12, dimension)


@pytest.mark.parametrize("name", ["dino", "radimagenet"])
def test_an_absent_model_is_refused_with_what_fetches_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotDefinedError, match="--weights"):
        extractors.load(name, tmp_path / "absent")
    if name == "radimagenet":
        with pytest.raises(NotDefinedError, match=r"download ResNet50\.pt"):
            extractors.load(name, None)
        torch.save({"weight": torch.zeros(1)}, tmp_path / "wrong.pt")
        with pytest.raises(Exception, match="does not hold RadImageNet's ResNet-50"):
            extractors.load(name, tmp_path / "wrong.pt")


def test_the_publishers_names_reach_every_tensor_of_the_network() -> None:
    from transformers import ResNetConfig, ResNetModel

    with torch.device("meta"):
        wanted = ResNetModel(ResNetConfig()).state_dict()
    children = {"layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}

    def old(name: str) -> str:
        name = name.replace("embedder.embedder.convolution", "0").replace("embedder.embedder.normalization", "1")
        name = re.sub(r"encoder\.stages\.(\d)", lambda m: children[f"layer{int(m[1]) + 1}"], name)
        name = name.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")
        name = re.sub(
            r"layers\.(\d+)\.layer\.(\d)\.(\w)\w+",
            lambda m: f"{m[1]}.{'conv' if m[3] == 'c' else 'bn'}{int(m[2]) + 1}",
            name,
        )
        return "backbone." + re.sub(r"layers\.", "", name)

    given = {old(name): tensor for name, tensor in wanted.items()} | {"backbone.fc.weight": torch.zeros(1)}
    assert "backbone.4.0.downsample.0.weight" in given and "backbone.5.3.conv3.weight" in given
    assert set(renamed(given)) == set(wanted)


def test_features_are_kept_and_found_again_by_pixels(make: Make, tmp_path: Path) -> None:
    class Counting:
        name, sha256, dimension, preprocessing = "counting", "0" * 64, 1, ""
        calls = 0

        def __call__(self, images: np.ndarray, /) -> np.ndarray:  # type: ignore[type-arg]
            self.calls += len(images)
            return images.mean(axis=(1, 2), dtype=np.float32)[:, None]

    counting = Counting()
    one, again, other = make(people=1), make(people=1), make(people=1, seed=5)
    found = [extract(counting, side, 5, tmp_path) for side in (one, again)]
    assert counting.calls == len(one) and np.array_equal(*found)
    extract(counting, other, 5, tmp_path)
    assert counting.calls == 2 * len(one) and len(list(tmp_path.glob("*.safetensors"))) == 2
    reordered = from_reader(Arrays(table=one.table, pixels=one.images()[::-1]), "reordered")
    assert np.array_equal(extract(counting, reordered, 5, tmp_path), found[0][::-1])
