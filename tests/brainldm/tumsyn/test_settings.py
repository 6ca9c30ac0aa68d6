"""A config with a word that nothing goes by is refused, and the complaint says which words there are."""

from importlib.resources import files
from pathlib import Path

import pytest

from braincaption.errors import UsageError
from brainldm.tumsyn.settings import available, load_tumsyn_config

TINY = (files("brainldm.tumsyn.configs") / "tiny.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", available())
def test_every_shipped_config_is_read(name: str) -> None:
    assert load_tumsyn_config(name).name == name


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('coordinates = "voxel"', "wanted patch or voxel"),
        ('loss = "mse"', "wanted mae or mse"),
        ('answers = "scans"', "wanted contrasts or scans"),
        ("crop = 24", "crop wants a multiple"),
    ],
)
def test_an_unknown_word_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    key = line.split(" ")[0]
    assert TINY.count(f"\n{line}\n") == 1
    config = tmp_path / "mine.toml"
    config.write_text(TINY.replace(f"\n{line}\n", f"\n{key} = 25\n" if key == "crop" else f'\n{key} = "other"\n'))
    with pytest.raises(UsageError, match=complaint):
        load_tumsyn_config(str(config))
