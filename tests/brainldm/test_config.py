"""Configs in: every number has an origin, and a wrong file says what is wrong with it."""

from pathlib import Path

import pytest
import torch

from braincaption.errors import UsageError
from brainldm.config import ORIGINS, available, load_config, origins
from brainldm.unet import TextUNet


def test_the_four_configs_are_there() -> None:
    assert available() == ["fast", "large", "paper", "tiny"]


@pytest.mark.parametrize("name", ["fast", "large", "paper", "tiny"])
def test_each_number_of_a_config_says_where_it_comes_from(name: str) -> None:
    config = load_config(name)
    told = origins(name)
    for section in ("vae", "vae_training", "text", "unet", "noise", "ldm_training", "sampling"):
        for key in vars(getattr(config, section)):
            assert told.pop(f"{section}.{key}").startswith(ORIGINS), f"{section}.{key}"
    assert not told, "origins of settings that do not exist"


@pytest.mark.parametrize(("name", "millions"), [("paper", 101.3), ("fast", 27.3), ("large", 260.0)])
def test_parameter_counts_are_those_the_cards_state(name: str, millions: float) -> None:
    config = load_config(name)
    with torch.device("meta"):
        network = TextUNet(config.unet, (config.vae.latent_channels, 64, 64), 768)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


def test_an_unknown_name_and_a_wrong_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give one of fast, large, paper, tiny"):
        load_config("huge")
    from importlib.resources import files

    text = files("brainldm.configs").joinpath("tiny.toml").read_text()
    odd = tmp_path / "odd.toml"
    odd.write_text(text.replace("res_blocks = 1", "blocks = 1", 1))
    with pytest.raises(UsageError, match="blocks, res_blocks"):
        load_config(str(odd))
    odd.write_text(text.replace("res_blocks = 1", 'res_blocks = "one"', 1))
    with pytest.raises(UsageError, match=r"res_blocks is 'one', wanted int"):
        load_config(str(odd))
    odd.write_text("[vae")
    with pytest.raises(UsageError, match="no valid TOML"):
        load_config(str(odd))


def test_a_file_of_ones_own_is_named_after_the_file(tmp_path: Path) -> None:
    from importlib.resources import files

    mine = tmp_path / "mine.toml"
    mine.write_text(files("brainldm.configs").joinpath("tiny.toml").read_text())
    assert load_config(str(mine)).name == "mine"
    assert load_config(str(mine)).unet == load_config("tiny").unet
