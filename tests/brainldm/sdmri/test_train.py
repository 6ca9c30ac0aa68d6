"""What a step sees, what learns, what is written: resume to the bit, low-rank updates, plain diffusers reading it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from braincaption.errors import UsageError
from brainldm.generate import SamplerSettings
from brainldm.schedule import ForwardProcess
from brainldm.sdmri import train as module
from brainldm.sdmri.base import Base
from brainldm.sdmri.generate import SdGenerator
from brainldm.sdmri.latents import SdLatents, cached_latents
from brainldm.sdmri.model_folder import SdRecord, write_model
from brainldm.sdmri.network import PromptedUNet, make_trainable
from brainldm.sdmri.settings import SdConfig
from brainldm.sdmri.text import PromptEncoder
from brainldm.sdmri.train import make_batch, train_sd
from brainldm.slices import load_slices

HOW = SamplerSettings(steps=3, sampler="ddim", guidance=2.0, negative="")
WEIGHTS = Path("unet", "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def latents(field_slices: Path, base: Base, tmp_path_factory: pytest.TempPathFactory) -> SdLatents:
    slices = load_slices(field_slices, "train", 1)
    return cached_latents(slices, base, base.size, tmp_path_factory.mktemp("latents") / "l")


def finished(latents: SdLatents, base: Base, config: SdConfig, out: Path) -> Path:
    done, learnt = train_sd(latents, base, config, 7, out, None)
    assert done == config.training.steps
    record = SdRecord(
        name=config.name, base=base.name, base_checksum=base.checksum, base_licence="apache-2.0", image_shape=(16, 16),
        size=16, sampling=config.sampling, settings={"trained": {"part": config.trained.part}}, steps=done, seed=7,
        sequences=("T1w",), fields_t=(0.3, 3.0), data={"slices": 12, "people": 4, "displayed_side": None}, pixel_mm=4.0,
    )  # fmt: skip
    write_model(out, base, learnt, config, record)
    return out


@pytest.fixture(scope="module")
def lora(latents: SdLatents, base: Base, low_rank: SdConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose low-rank updates learnt six steps at a high rate."""
    config = replace(low_rank, training=replace(low_rank.training, learning_rate=0.05))
    return finished(latents, base, config, tmp_path_factory.mktemp("lora") / "m")


def test_latents_are_the_posterior_and_texts_belong_to_their_slices(
    latents: SdLatents, base: Base, field_slices: Path
) -> None:
    slices = load_slices(field_slices, "train", 1)
    assert latents.mean.shape == (12, 4, 8, 8)
    assert float(latents.deviation.min()) > 0
    encoder = PromptEncoder(base)
    expected = encoder.encode(["Axial T2-weighted MRI of the brain at 0.3 T", ""]).tokens
    row = int(np.flatnonzero((slices.table["sequence"] == "T2w") & (slices.table["field_strength_t"] < 1))[0])
    assert torch.allclose(latents.text([row], [False]).tokens[0], expected[0], atol=1e-5)
    assert torch.allclose(latents.text([row], [True]).tokens[0], expected[1], atol=1e-5)
    assert not torch.allclose(expected[0], expected[1], atol=0.1)
    with torch.no_grad():
        factor = 1 / (latents.mean.std() * latents.scale)
    assert factor == pytest.approx(1, abs=0.1), "the scaling factor brings latents to one"


def test_latents_are_kept_until_what_they_were_made_from_changes(
    field_slices: Path, base: Base, tmp_path: Path
) -> None:
    slices = load_slices(field_slices, "train", 1)
    cached_latents(slices, base, 16, tmp_path / "l")
    stamp = (tmp_path / "l" / "mean.npy").stat().st_mtime_ns
    cached_latents(slices, base, 16, tmp_path / "l")
    assert (tmp_path / "l" / "mean.npy").stat().st_mtime_ns == stamp
    assert cached_latents(slices, base, 32, tmp_path / "l").mean.shape == (12, 4, 16, 16), "resized to what is asked"
    silent = replace(slices, table=slices.table.assign(sequence=None, field_strength_t=None))
    with pytest.raises(UsageError, match="12 of 12 training slices say neither sequence nor field_strength_t"):
        cached_latents(silent, base, 16, tmp_path / "n")
    wide = replace(slices, pictures=np.zeros((12, 16, 20), np.uint8))
    with pytest.raises(UsageError, match="20×16 pixels, wanted square ones"):
        cached_latents(wide, base, 16, tmp_path / "n")
    with pytest.raises(UsageError, match="size 17 cannot be halved 1 times"):
        cached_latents(slices, base, 17, tmp_path / "n")


def test_a_batch_follows_from_step_and_seed_and_drops_a_tenth_of_the_prompts(
    latents: SdLatents, small: SdConfig
) -> None:
    accelerator: Any = Accelerator(cpu=True)
    one, again = (make_batch(latents, small, 1000, 3, 5, accelerator) for _ in range(2))
    other = make_batch(latents, small, 1000, 4, 5, accelerator)
    for name in ("clean", "noise", "timesteps"):
        assert torch.equal(getattr(one, name), getattr(again, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))
    many = replace(small, training=replace(small.training, batch=1200))
    batch = make_batch(latents, many, 1000, 0, 0, accelerator)
    null = latents.text([0], [True]).tokens[0]
    dropped = (batch.text.tokens == null).flatten(1).all(1).float().mean()
    assert 0.07 < float(dropped) < 0.13
    drawn = (batch.clean / latents.scale).numpy()
    assert np.abs(drawn - np.concatenate([latents.mean] * 100)[: len(drawn)]).max() > 0, "a draw of the posterior"


def test_pieces_of_a_batch_give_the_gradients_of_the_whole(latents: SdLatents, base: Base, small: SdConfig) -> None:
    accelerator: Any = Accelerator(cpu=True)
    process = ForwardProcess(base.noise)
    batch = make_batch(latents, small, 1000, 0, 0, accelerator)
    found = []
    for most in (4, 3, 1):
        network = PromptedUNet(base.load("unet"))
        make_trainable(network.unet, small.trained)
        for share, piece in module._pieces(batch, most):
            (share * piece.loss(network, process, 0.0, accelerator)).backward()
        found.append(torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None]))
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert torch.allclose(found[0], found[2], atol=1e-5)


@pytest.mark.parametrize("part", ["unet", "lora"])
def test_interrupted_and_resumed_equals_uninterrupted_to_the_last_bit(
    part: str, latents: SdLatents, base: Base, small: SdConfig, low_rank: SdConfig, tmp_path: Path
) -> None:
    class Counted(module.Pace):
        left = 3

        @property
        def is_over(self) -> bool:
            Counted.left -= 1
            return Counted.left < 0

    config = small if part == "unet" else low_rank
    whole, first = train_sd(latents, base, config, 7, tmp_path / "whole", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Pace", Counted)
        assert train_sd(latents, base, config, 7, tmp_path / "parts", None)[0] == 3
    done, second = train_sd(latents, base, config, 7, tmp_path / "parts", None)
    assert (whole, done) == (6, 6)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    checkpoints = [(tmp_path / name / "training" / "sd-mri.safetensors").read_bytes() for name in ("whole", "parts")]
    assert checkpoints[0] == checkpoints[1]
    with pytest.raises(UsageError, match="other seed"):
        train_sd(latents, base, config, 8, tmp_path / "whole", None)
    other = replace(config, training=replace(config.training, drop_text=0.5))
    with pytest.raises(UsageError, match="other config"):
        train_sd(latents, base, other, 7, tmp_path / "whole", None)


def test_without_an_average_the_weights_themselves_are_returned(
    latents: SdLatents, base: Base, small: SdConfig, tmp_path: Path
) -> None:
    plain = replace(small, training=replace(small.training, ema_decay=0.0))
    learnt = train_sd(latents, base, plain, 7, tmp_path, None)[1]
    kept = load_file(tmp_path / "training" / "sd-mri.safetensors")
    assert not any(key.startswith("average/") for key in kept)
    assert all(torch.equal(kept[f"learning/{key}"], value) for key, value in learnt.state_dict().items())


def test_only_low_rank_updates_learn_and_only_their_layers_change(base: Base, lora: Path) -> None:
    before, after = load_file(base.folder / WEIGHTS), load_file(lora / WEIGHTS)
    assert before.keys() == after.keys(), "merged: the layout of a plain U-Net"
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    layers = {key for key in before if key.endswith(tuple(f"{name}.weight" for name in ("to_q", "to_k", "to_v", "to_out.0")))}  # fmt: skip  # noqa: E501
    assert changed == layers
    for part in ("vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        kept, written = load_file(base.folder / part), load_file(lora / part)
        assert all(torch.equal(kept[key], written[key]) for key in kept)


def test_low_rank_updates_in_diffusers_layout_give_the_merged_model(base: Base, lora: Path) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(base.folder, local_files_only=True)
    generator = torch.Generator().manual_seed(0)
    latents, text = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 32, 32, generator=generator)
    with torch.no_grad():
        plain = pipeline.unet(latents, 10, text).sample
        pipeline.load_lora_weights(lora / "lora", weight_name="pytorch_lora_weights.safetensors", local_files_only=True)
        adapted = pipeline.unet(latents, 10, text).sample
        merged = StableDiffusionPipeline.from_pretrained(lora, local_files_only=True).unet(latents, 10, text).sample
    assert torch.allclose(adapted, merged, atol=1e-4)
    assert not torch.allclose(adapted, plain, atol=1e-3)


def test_plain_diffusers_draws_what_we_draw(latents: SdLatents, base: Base, small: SdConfig, tmp_path: Path) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    model = finished(latents, base, small, tmp_path / "m")
    ours = SdGenerator(model, by_facts=False)
    prompt = "Axial FLAIR MRI of the brain at 3 T"
    drawn = ours.draw([prompt], [11], HOW)[0]
    pipeline = StableDiffusionPipeline.from_pretrained(model, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, set_alpha_to_one=True, timestep_spacing="trailing", steps_offset=0
    )
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(11))
    theirs = pipeline(prompt, latents=noise, num_inference_steps=3, guidance_scale=2.0, output_type="np").images[0]
    assert np.abs(255 * theirs.mean(-1) - drawn).max() <= 1


def test_a_picture_depends_on_its_seed_alone(lora: Path) -> None:
    model = SdGenerator(lora, by_facts=False)
    three = model.draw(["FLAIR", "T1", "T2"], [1, 2, 3], HOW)
    assert three.shape == (3, 16, 16)
    assert np.array_equal(model.draw(["T2"], [3], HOW)[0], three[2])
    assert not np.array_equal(model.draw(["T2"], [4], HOW)[0], three[2])
