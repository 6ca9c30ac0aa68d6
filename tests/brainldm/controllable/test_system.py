"""The system by its commands: trained in parts it ends with an uninterrupted run's bytes; it draws under masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from braincaption.errors import UsageError
from braincaption.slicefolder import encode_png, read_slices
from brainldm.app import app
from brainldm.attention import MaskedCrossAttention
from brainldm.chance import image_noise
from brainldm.controllable import train as module
from brainldm.controllable.generate import ControlledGenerator, each_sequence
from brainldm.controllable.heat import Asked, class_heats, word_heats
from brainldm.controllable.network import Under
from brainldm.controllable.settings import ControlConfig
from brainldm.controllable.structure import as_condition
from brainldm.controllable.train import train_control
from brainldm.controllable.training_lines import cached_lines
from brainldm.generate import Generator, SamplerSettings
from brainldm.latents import read_latents
from brainldm.samplers import make_sampler
from brainldm.slices import load_slices

HOW = SamplerSettings(steps=2, sampler="ddim", guidance=2.0, negative="")
PROMPT = "Axial T1w slice, person 1, a hole of 8 mm³."


def brain(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def model(base: Path, small: ControlConfig, slice_folder: Path) -> Path:
    """A branch of six steps, its output made strong enough that every line matters."""
    out = base / "controlled"
    train(base, small, slice_folder, out, None)
    weights = load_file(out / "control.safetensors")
    torch.manual_seed(0)
    loud = {key: torch.randn_like(value) * 0.2 for key, value in weights.items()}
    save_file(loud, out / "control.safetensors")
    return out


def train(base: Path, config: ControlConfig, slices: Path, out: Path, minutes: float | None) -> int:
    edges = cached_lines(load_slices(slices, "train", 4), slices, config.control, out / "training" / "lines")
    return train_control(read_latents(base / "latents"), edges, base / "model", config, 3, out, minutes)


def test_interrupted_and_resumed_equals_uninterrupted_to_the_last_bit(
    base: Path, small: ControlConfig, slice_folder: Path, tmp_path: Path
) -> None:
    class Counted(module.Pace):
        left = 4

        @property
        def is_over(self) -> bool:
            Counted.left -= 1
            return Counted.left < 0

    assert train(base, small, slice_folder, tmp_path / "whole", None) == 6
    assert train(base, small, slice_folder, tmp_path / "parts", minutes=0) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Pace", Counted)
        assert train(base, small, slice_folder, tmp_path / "parts", None) == 4
    assert train(base, small, slice_folder, tmp_path / "parts", None) == 6
    for name in (
        "control.safetensors",
        "control.json",
        "unet.safetensors",
        "README.md",
        "training/control.safetensors",
    ):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name
    other = replace(small, control=replace(small.control, main_trained="nothing"))
    with pytest.raises(UsageError, match="other config"):
        train(base, other, slice_folder, tmp_path / "whole", None)


def test_one_command_trains_the_base_then_the_branch(slice_folder: Path, quick: Path, tmp_path: Path) -> None:
    command = ("train", "controllable", slice_folder, "--config", quick, "--out", tmp_path / "m")
    assert "base: VAE, 0 of 3 steps" in brain(*command, "--minutes", 0)
    assert "quick, base done, branch 3 of 3 steps on 27 slices" in brain(*command)
    assert "branch 3 of 3" in brain(*command), "done already"
    for name in ("unet.safetensors", "vae.safetensors", "config.json"):
        base = tmp_path / "m" / "training" / "stages" / "base" / name
        assert base.read_bytes() == (tmp_path / "m" / name).read_bytes()
    assert "controllable\tsystem" in brain("zoo", "list")
    told = brain("zoo", "show", "controllable")
    assert "paper: training.learning_rate = 1e-06\t# paper" in told
    assert "tiny: sampling.steps = 25\t# chosen" in told


def test_generate_draws_every_contrast_under_one_mask_with_one_seed(
    model: Path, slice_folder: Path, tmp_path: Path
) -> None:
    lines = np.zeros((32, 32), dtype=np.uint8)
    lines[8:24, 8] = 255
    for name, picture in (("a", lines), ("b", lines.T)):
        (tmp_path / f"{name}.png").write_bytes(encode_png(picture.copy()))
    command = (
        "generate",
        "Axial {sequence} slice",
        "--model",
        model,
        "--steps",
        2,
        "--out",
        tmp_path / "out",
        "--mask",
    )
    assert "3 slices drawn with tiny-controllable@" in brain(*command, tmp_path / "a.png")
    first = read_slices(tmp_path / "out")
    assert sorted(first.table["sequence"]) == ["FLAIR", "T1w", "T2w"]
    assert first.table["seed"].nunique() == 1
    assert set(first.table["sampler"]) == {"ddim"}
    before = np.stack(list(first.images()))
    brain(*command, tmp_path / "b.png")
    assert not np.array_equal(before, np.stack(list(read_slices(tmp_path / "out").images()))), "another mask: anew"
    refused = CliRunner().invoke(app, [*map(str, command), str(tmp_path / "none.png")])
    assert (refused.exit_code, "does not exist: give a PNG" in refused.stderr) == (2, True)
    plain = ("generate", "Axial T1w slice", "--model", model, "--steps", 2, "--out", tmp_path / "plain")
    brain(*plain)
    base = Generator(model).draw(["Axial T1w slice"], [0], replace(HOW, sampler="dpmpp", guidance=4.0))
    assert np.array_equal(read_slices(tmp_path / "plain").image(0), base[0]), "without a mask it is the base"


def test_a_table_gives_each_row_its_own_mask(model: Path, slice_folder: Path, tmp_path: Path) -> None:
    common = ("--model", model, "--steps", 2, "--mask", "table", "--out")
    brain("generate", slice_folder / "metadata.parquet", *common, tmp_path / "own")
    assert len(read_slices(tmp_path / "own")) == 36
    table = pd.DataFrame({"caption": [PROMPT, PROMPT], "mask": ["a.png", "b.png"]})
    table.to_parquet(tmp_path / "captions.parquet")
    for i, name in enumerate("ab"):
        lines = np.zeros((32, 32), dtype=np.uint8)
        lines[10 + 8 * i] = 255
        (tmp_path / f"{name}.png").write_bytes(encode_png(lines))
    brain("generate", tmp_path / "captions.parquet", *common, tmp_path / "two")
    assert len(read_slices(tmp_path / "two")) == 2
    refused = CliRunner().invoke(app, ["generate", PROMPT, *map(str, common), str(tmp_path / "x")])
    assert (refused.exit_code, "wants a table of captions" in refused.stderr) == (2, True)
    no_branch = CliRunner().invoke(app, ["generate", PROMPT, "--mask", "a.png", "--out", str(tmp_path / "y")])
    assert (no_branch.exit_code, "takes no mask" in no_branch.stderr) == (2, True)


def test_guidance_leads_away_from_the_base_without_lines_or_from_the_empty_prompt_under_them(model: Path) -> None:
    """Against the formula by hand, at one step of a sampler that shows the prediction itself."""
    drawer, lines = ControlledGenerator(model), np.random.default_rng(0).random((32, 32)) > 0.8
    led = Under(drawer.controlled, as_condition(lines[None]))
    text, null = drawer.text([PROMPT]), drawer.null
    latents = image_noise(5, drawer.record.latent_shape)
    timestep = make_sampler("ddim", drawer.record.settings.noise)
    timestep.set_timesteps(1)
    with torch.no_grad():
        wanted = led.predict(latents, timestep.timesteps, text)
        plain = {
            "caption": led.predict(latents, timestep.timesteps, null),
            "caption and lines": drawer.network.predict(latents, timestep.timesteps, null),
        }
    assert not torch.allclose(*plain.values(), atol=1e-5)
    for guided_by, away in plain.items():
        drawer.control = replace(drawer.control, sampling=replace(drawer.control.sampling, guided_by=guided_by))
        found = drawer.latents_under([PROMPT], [5], lines[None], replace(HOW, steps=1, guidance=1.7), Under)
        by_hand = timestep.step(away + 1.7 * (wanted - away), timestep.timesteps[0], latents).prev_sample
        assert torch.allclose(found, by_hand, atol=1e-6)


def test_a_prompt_is_repeated_for_each_sequence_only_where_it_asks() -> None:
    assert each_sequence("Axial T1w slice", ["T1w", "T2w"]) == ["Axial T1w slice"]
    assert each_sequence("A {sequence} slice", ["T1w", "FLAIR"]) == ["A T1-weighted slice", "A FLAIR slice"]


def test_heat_maps_sum_down_and_up_paths_and_the_branch_over_steps(model: Path) -> None:
    """Against equation 6 written out: every head's softmax, from queries and keys, summed over heads, layers, steps."""
    drawer = ControlledGenerator(model)
    lines = np.random.default_rng(0).random((32, 32)) > 0.8
    asked = Asked(prompt=PROMPT, words=("hole", "T1w"), seed=5, lines=lines)
    plain = replace(HOW, guidance=1.0)
    found = word_heats(drawer, asked, plain)
    assert np.array_equal(found["hole"].picture, drawer.draw_under([PROMPT], [5], lines[None], plain)[0])
    unet, branch = drawer.controlled.main.unet, drawer.controlled.branch
    paths = [*unet.down_blocks, *unet.up_blocks, *branch.down_blocks]
    attending = [part for path in paths for part in path.modules() if isinstance(part, MaskedCrossAttention)]
    # Two levels attend: one layer each on either way down, two each on the main way up.
    assert len(attending) == 2 + 2 + 4
    layers: list[torch.Tensor] = []

    def by_hand(layer: MaskedCrossAttention, given: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> None:
        pixels, context = given[0], named["context"]
        heads = [
            torch.softmax(query @ key.T / query.shape[1] ** 0.5, dim=1)
            for query, key in zip(
                layer.to_q(pixels[0]).chunk(layer.heads, dim=1),
                layer.to_k(context[0, :, :-1]).chunk(layer.heads, dim=1),
                strict=True,
            )
        ]
        layers.append(torch.stack(heads).sum(0))

    hooks = [layer.register_forward_pre_hook(by_hand, with_kwargs=True) for layer in attending]
    drawer.draw_under([PROMPT], [5], lines[None], plain)
    for hook in hooks:
        hook.remove()
    assert len(layers) == 2 * len(attending), "two steps"
    spans = drawer.encoder.spans(PROMPT)
    at = PROMPT.index("hole")
    columns = [i for i, (start, end) in enumerate(spans) if start < at + 4 and end > at]
    total = np.zeros((32, 32))
    for layer in layers:
        side = int(len(layer) ** 0.5)
        grid = layer[:, columns].sum(1).reshape(1, 1, side, side)
        total += torch.nn.functional.interpolate(grid, size=(32, 32), mode="bilinear")[0, 0].numpy()
    assert np.allclose(found["hole"].heat, total / total.max(), atol=1e-5)
    mean = class_heats(drawer, {"T1w": [asked, replace(asked, seed=6)]}, plain)["T1w"]
    both = [word_heats(drawer, replace(asked, seed=seed), plain)["hole"].heat for seed in (5, 6)]
    assert np.allclose(mean, np.mean(both, axis=0), atol=1e-6)


def test_attention_takes_a_mask(model: Path, tmp_path: Path) -> None:
    lines = np.zeros((32, 32), dtype=np.uint8)
    lines[8] = 255
    (tmp_path / "mask.png").write_bytes(encode_png(lines))
    command = ("attention", PROMPT, "--word", "hole", "--model", model, "--steps", 2)
    brain(*command, "--mask", tmp_path / "mask.png", "--out", tmp_path / "masked")
    brain(*command, "--out", tmp_path / "plain")
    masked, plain = (np.load(tmp_path / name / "heat.npy") for name in ("masked", "plain"))
    assert masked.max() == plain.max() == 1
    assert not np.array_equal(masked, plain)


def test_a_table_gives_a_map_for_each_word_and_their_means(model: Path, slice_folder: Path, tmp_path: Path) -> None:
    captions = pd.read_parquet(slice_folder / "metadata.parquet").groupby("sequence").head(2)
    masks = []
    for i in range(len(captions)):
        lines = np.zeros((32, 32), dtype=np.uint8)
        lines[4 + 3 * i] = 255
        (tmp_path / f"{i}.png").write_bytes(encode_png(lines))
        masks.append(f"{i}.png")
    captions.drop(columns="file_name").assign(mask=masks).to_parquet(tmp_path / "captions.parquet")
    words = ("--word", "T1w", "--word", "FLAIR", "--word", "hole")
    command = ("attention", tmp_path / "captions.parquet", *words, "--model", model, "--steps", 2, "--mask", "table")
    assert "10 maps of T1w, FLAIR, hole" in brain(*command, "--out", tmp_path / "maps")
    found = read_slices(tmp_path / "maps")
    assert found.table["caption"].value_counts().to_dict() == {"hole": 6, "T1w": 2, "FLAIR": 2}
    of_t1w = found.table["caption"] == "T1w"
    assert set(found.table["sequence"][of_t1w]) == {"T1w"}
    assert found.table["person"].notna().all()
    mean = np.load(tmp_path / "maps" / "mean" / "T1w.npy")
    kept = np.mean([found.image(i) for i in np.flatnonzero(of_t1w)], axis=0) / 255
    assert np.abs(mean - kept).max() < 1 / 255
    other = np.load(tmp_path / "maps" / "mean" / "hole.npy")
    assert not np.allclose(mean, other, atol=1e-4)
    refused = CliRunner().invoke(app, [*map(str, command), "--word", "spleen", "--out", str(tmp_path / "none")])
    assert (refused.exit_code, "captions says 'spleen'" in refused.stderr) == (2, True)
    assert not (tmp_path / "none").exists()
