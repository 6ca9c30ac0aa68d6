"""The commands in the order a user types them: slices to VAE to latents to model to drawn slices with provenance."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from braincaption.errors import UsageError
from braincaption.render.settings import ViewSettings
from braincaption.render.view import pixel_grid
from braincaption.schema import GENERATED_FOLDER
from braincaption.slicefolder import read_slices, write_slices
from brainldm.app import app
from brainldm.generate import Generator, SamplerSettings
from brainldm.niftislice import slice_affine, write_nifti_slices
from brainldm.prompts import requests

HOW = SamplerSettings(steps=3, sampler="dpmpp", guidance=2.0, negative="")
PROMPT = "Axial T2-weighted slice, a hole of 8 mm³."


def brain(*arguments: object) -> Result:
    """Run a command in this process, which has torch and MONAI imported already."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model(slice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for a few steps through the command line."""
    out = tmp_path_factory.mktemp("model")
    text = files("brainldm.configs").joinpath("tiny.toml").read_text()
    lines = ["steps = 3" if line.startswith("steps = ") and '"' not in line else line for line in text.splitlines()]
    (out / "quick.toml").write_text("\n".join(lines))
    steps = [
        ("train-vae", slice_folder, "--out", out / "vae", "--config", out / "quick.toml"),
        ("encode", slice_folder, out / "vae", "--out", out / "lat"),
        ("train-ldm", out / "lat", "--out", out / "model"),
    ]
    for step in steps:
        done = brain(*step)
        assert done.exit_code == 0, done.stderr
    return out / "model"


def test_generate_writes_a_slice_folder_with_provenance(model: Path, tmp_path: Path) -> None:
    done = brain("generate", PROMPT, "--out", tmp_path / "g", "--model", model, "--n", 3, "--steps", 2, "--seed", 7)
    assert done.exit_code == 0, done.stderr
    drawn = read_slices(tmp_path / "g")
    assert drawn.shape == (32, 32)
    assert drawn.table["seed"].tolist() == [7, 8, 9]
    assert set(drawn.table["caption"]) == {PROMPT}
    first = drawn.table.iloc[0]
    assert (first["sequence"], first["plane"], first["sampler"], first["steps"], first["pixel_mm"]) == (
        "T2w", "axial", "dpmpp", 2, 2.0,
    )  # fmt: skip
    assert first["model"].startswith("quick@")
    assert len({drawn.image(i).tobytes() for i in range(3)}) == 3


def test_a_table_of_captions_is_drawn_row_by_row_with_its_facts(model: Path, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"volume_id": ["a", "b"], "plane": ["axial"] * 2, "index": [3, 4], "caption": [PROMPT, "T1w"], "other": [1, 2],
         "split": ["test"] * 2}
    )  # fmt: skip
    table.to_parquet(tmp_path / "captions.parquet")
    done = brain("generate", tmp_path / "captions.parquet", "--out", tmp_path / "g", "--model", model, "--steps", 2)
    assert done.exit_code == 0, done.stderr
    drawn = read_slices(tmp_path / "g").table
    assert drawn["volume_id"].tolist() == ["a", "b"]
    assert drawn["index"].tolist() == [3, 4]
    assert drawn["caption"].tolist() == [PROMPT, "T1w"]
    assert drawn["seed"].tolist() == [0, 1]


def test_the_same_command_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        brain("generate", PROMPT, "--out", tmp_path / name, "--model", model, "--n", 2, "--steps", 2)
    kept = {path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()}
    assert len(kept) == 3
    for path in kept:
        assert (tmp_path / "first" / path).read_bytes() == (tmp_path / "second" / path).read_bytes()


def test_an_interrupted_drawing_goes_on_with_the_same_bytes(model: Path, tmp_path: Path) -> None:
    command = ("generate", PROMPT, "--model", model, "--n", 10, "--steps", 2, "--out")
    brain(*command, tmp_path / "whole")
    brain(*command, tmp_path / "parts")
    pictures = sorted((tmp_path / "parts").rglob("*.png"))
    run = pq.read_schema(tmp_path / "parts" / "metadata.parquet").metadata[b"run"]
    (tmp_path / "parts" / "metadata.parquet").unlink()  # it comes last; until then .run says whose pictures these are
    (tmp_path / "parts" / ".run").write_bytes(run)
    for path in pictures[:3]:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in pictures[3:]}
    assert brain(*command, tmp_path / "parts").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was there is drawn no more"
    for path in (tmp_path / "whole").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_another_way_of_drawing_leaves_no_old_picture(model: Path, tmp_path: Path) -> None:
    command = ("generate", PROMPT, "--model", model, "--out", tmp_path / "g", "--steps")
    brain(*command, 2)
    (picture,) = (tmp_path / "g").rglob("*.png")
    before = picture.read_bytes()
    brain(*command, 3)
    assert picture.read_bytes() != before


def test_slices_become_nifti_where_their_picture_says(model: Path, tmp_path: Path) -> None:
    prompt = "Axial T2w slice, 12.5 mm below the origin."
    told = brain("generate", prompt, "--out", tmp_path / "g", "--model", model, "--steps", 2, "--nifti")
    assert (told.exit_code, "displayed_side" in told.stderr) == (2, True), "the made slices do not say their side"
    table = read_slices(tmp_path / "g").table.drop(columns="file_name").assign(displayed_side="radiological")
    row = {key: value for key, value in table.iloc[0].to_dict().items() if not pd.isna(value)}
    write_slices(tmp_path / "h", [(row, np.arange(32 * 32, dtype=np.uint8).reshape(32, 32))], GENERATED_FOLDER)
    assert write_nifti_slices(tmp_path / "h") == 1
    (path,) = (tmp_path / "h" / "nifti").rglob("*.nii.gz")
    image = nib.load(path)
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    assert image.affine[2, 3] == -12.5
    assert image.header.get_zooms() == (2.0, 2.0, 2.0)
    assert np.asarray(image.dataobj)[5, 0, 0] == 5, "the first axis runs along a row of the picture"


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("side", ["radiological", "neurological"])
def test_the_affine_is_that_of_rendered_slices(plane: str, side: str) -> None:
    settings = ViewSettings(size=8, fov_mm=16.0, neurological=side == "neurological")
    space = np.diag([2.0, 2.0, 2.0, 1.0])
    grid = pixel_grid(space, plane, 5, np.zeros(3), settings)
    affine = slice_affine(plane, side, 10.0, 2.0, (8, 8))
    assert np.allclose(affine[:3, 0], grid.across)
    assert np.allclose(affine[:3, 1], grid.down)
    assert np.allclose(affine[:3, 3], grid.start)


def test_a_picture_is_the_same_in_any_batch(model: Path) -> None:
    loaded = Generator(model)
    captions, seeds = [PROMPT, "FLAIR", "Axial T1w slice, a hole of 12 mm³, person 1."], [4, 5, 6]
    together = loaded.draw(captions, seeds, HOW)
    for i in range(3):
        alone = loaded.draw(captions[i : i + 1], seeds[i : i + 1], HOW)
        assert np.abs(alone[0].astype(int) - together[i].astype(int)).max() <= 1


def test_guidance_negative_prompt_and_caption_all_matter(model: Path) -> None:
    loaded = Generator(model)
    latents = [
        loaded.latents(captions, [1], how)
        for captions, how in [
            ([PROMPT], HOW),
            (["FLAIR"], HOW),
            ([PROMPT], SamplerSettings(steps=3, sampler="dpmpp", guidance=1.0, negative="")),
            ([PROMPT], SamplerSettings(steps=3, sampler="dpmpp", guidance=2.0, negative="FLAIR")),
        ]
    ]
    for other in latents[1:]:
        assert (other - latents[0]).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("source", "told"),
    [(" ", "prompt is empty"), ("no/such.parquet", "does not exist")],
)
def test_wrong_prompts_are_refused(source: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        requests(source, 1, 0, ("T1w",))


def test_a_table_without_captions_and_a_folder_without_model_are_refused(tmp_path: Path, model: Path) -> None:
    pd.DataFrame({"text": ["a"]}).to_parquet(tmp_path / "t.parquet")
    done = brain("generate", tmp_path / "t.parquet", "--out", tmp_path / "g", "--model", model)
    assert (done.exit_code, "wanted a caption in every row" in done.stderr) == (2, True)
    done = brain("generate", PROMPT, "--out", tmp_path / "g", "--model", tmp_path)
    assert (done.exit_code, "is no model folder" in done.stderr) == (2, True)
    done = brain("generate", PROMPT, "--out", tmp_path / "g", "--model", model.parent / "vae")
    assert (done.exit_code, "holds a VAE alone" in done.stderr) == (2, True)
    assert not (tmp_path / "g").exists()


def test_a_prompt_says_its_sequence_and_plane() -> None:
    facts = requests("Coronal FLAIR view", 1, 0, ("FLAIR", "T1w"))[0].facts
    assert (facts["sequence"], facts["plane"]) == ("FLAIR", "coronal")
    assert "sequence" not in requests("T1w and FLAIR", 1, 0, ("FLAIR", "T1w"))[0].facts


def test_attention_maps_the_tokens_of_a_word(model: Path, tmp_path: Path) -> None:
    done = brain("attention", PROMPT, "--word", "hole", "--out", tmp_path / "a", "--model", model, "--steps", 2)
    assert done.exit_code == 0, done.stderr
    heat = np.load(tmp_path / "a" / "heat.npy")
    assert heat.shape == (32, 32)
    assert (heat.min() >= 0, heat.max()) == (True, 1.0)
    other = brain("attention", PROMPT, "--word", "8", "--out", tmp_path / "b", "--model", model, "--steps", 2)
    assert other.exit_code == 0, other.stderr
    assert not np.array_equal(heat, np.load(tmp_path / "b" / "heat.npy"))
    assert (tmp_path / "a" / "slice.png").read_bytes() == (tmp_path / "b" / "slice.png").read_bytes()
    refused = brain("attention", PROMPT, "--word", "tumour", "--out", tmp_path / "c", "--model", model)
    assert (refused.exit_code, "does not contain 'tumour'" in refused.stderr) == (2, True)
