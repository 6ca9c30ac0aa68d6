"""Latents in: training resumes to the last bit, every parameter learns, two processes equal one of twice the batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from braincaption.errors import UsageError
from brainldm.config import Config, available, load_config
from brainldm.latents import Latents, encode_slices, read_latents
from brainldm.schedule import ForwardProcess
from brainldm.slices import load_slices
from brainldm.train_ldm import CHECKPOINT, build_network, make_batch, train_ldm
from brainldm.train_vae import train_vae

# Two channels a group: with one, a constant added before the norm has no effect and a gradient of rounding alone, which
# Adam scales up to whole steps.
NORM_GROUPS = 4


def small(steps: int, name: str = "tiny") -> Config:
    """Return a config with smaller networks and batches, everything else its own."""
    config = load_config(name)
    return replace(
        config,
        vae_training=replace(config.vae_training, steps=2, batch=4),
        text=replace(config.text, width=16, layers=1, heads=2, steps=2, batch=4),
        unet=replace(
            config.unet, channels=(8, 16, 16), head_channels=(0, 8, 8), text_width=16, norm_groups=NORM_GROUPS
        ),
        ldm_training=replace(config.ldm_training, steps=steps, batch=6),
    )


@pytest.fixture(scope="module")
def latents(slice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Latents:
    out = tmp_path_factory.mktemp("latents")
    slices = load_slices(slice_folder, "train", 4)
    train_vae(slices, load_slices(slice_folder, "validation", 4), small(1), 0, out / "vae", None)
    encode_slices(slices, out / "vae", "built-in", 0, out / "lat")
    return read_latents(out / "lat")


EXCEPTIONS: set[str] = set()  # parameters that no loss reaches: none


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / CHECKPOINT) | load_file(folder / "unet.safetensors")


def test_latents_have_unit_variance_after_scaling(latents: Latents) -> None:
    mean, deviation = torch.tensor(latents.mean), torch.tensor(latents.deviation)
    drawn = (mean + deviation * torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))).double()
    assert float(drawn.std() * latents.record.scale_factor) == pytest.approx(1.0, abs=0.02)


def test_text_is_kept_once_a_caption_and_dropped_to_the_empty_prompt(latents: Latents) -> None:
    assert len(latents.offsets) - 1 == latents.table["caption"].nunique() * latents.variants
    text = latents.text([0, 1], [0, 1], [False, True])
    count = int(latents.null.mask.sum())
    assert int(text.mask[1].sum()) == count
    assert torch.equal(text.tokens[1, :count], latents.null.tokens[0])
    assert torch.equal(text.pooled[1], latents.null.pooled[0])
    assert not torch.equal(text.pooled[0], latents.null.pooled[0])


def test_interrupted_and_resumed_equals_uninterrupted_to_the_last_bit(latents: Latents, tmp_path: Path) -> None:
    config = small(7)
    assert train_ldm(latents, config, 3, tmp_path / "whole", None) == 7
    halves = replace(config, ldm_training=replace(config.ldm_training, steps=7))
    assert train_ldm(latents, halves, 3, tmp_path / "parts", minutes=0) == 0
    stop_after(latents, halves, tmp_path / "parts", 4)
    assert train_ldm(latents, halves, 3, tmp_path / "parts", None) == 7
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    for name in ("config.json", "README.md", "scheduler.json", "null.safetensors", "vae.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def stop_after(latents: Latents, config: Config, out: Path, steps: int) -> None:
    """Train for exactly `steps` steps, as if the time were up then."""
    from brainldm import train_ldm as module

    class Counted(module.Pace):
        left = steps

        @property
        def is_over(self) -> bool:
            Counted.left -= 1
            return Counted.left < 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Pace", Counted)
        assert train_ldm(latents, config, 3, out, None) == steps


def test_other_settings_or_seeds_do_not_go_on_from_a_checkpoint(latents: Latents, tmp_path: Path) -> None:
    train_ldm(latents, small(1), 0, tmp_path / "m", None)
    with pytest.raises(UsageError, match="trained with other seed: repeat those, or choose another --out"):
        train_ldm(latents, small(1), 1, tmp_path / "m", None)
    other = replace(small(1), ldm_training=replace(small(1).ldm_training, drop_text=0.5))
    with pytest.raises(UsageError, match="other config"):
        train_ldm(latents, other, 0, tmp_path / "m", None)
    assert train_ldm(latents, small(2), 0, tmp_path / "m", None) == 2, "a longer run goes on from a shorter one"


@pytest.mark.parametrize("name", available())
def test_every_parameter_of_every_config_has_a_gradient_by_the_third_step(latents: Latents, name: str) -> None:
    """In float64, so that a gradient of rounding alone (below 1e-17 here) is told from a small one."""
    config = small(3, name)
    torch.manual_seed(0)
    network, process = build_network(latents, config).double(), ForwardProcess(config.noise)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    learned: set[str] = set()
    for step in range(3):
        optimizer.zero_grad()
        batch = make_batch(latents, config, 0, step, 0, 1)
        noisy = process.noisy(batch.clean, batch.noise, batch.timesteps).double()
        text = batch.text
        guess = network(noisy, batch.timesteps, text.tokens.double(), text.mask, text.pooled.double())
        (guess - process.target(batch.clean, batch.noise, batch.timesteps)).square().mean().backward()
        learned |= {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().max() > 1e-14}
        optimizer.step()
    assert {name for name, _ in network.named_parameters()} - learned == EXCEPTIONS


def full_rate(steps: int) -> Config:
    """Return the small config at tiny's own learning rate from the first step on."""
    config = small(steps)
    return replace(config, ldm_training=replace(config.ldm_training, warmup_steps=1))


WORKER = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from test_train_ldm import full_rate
from brainldm.latents import read_latents
from brainldm.train_ldm import train_ldm
torch.set_num_threads(1)
train_ldm(read_latents(Path(sys.argv[2])), full_rate(20), 0, Path(sys.argv[3]), None)
"""


def test_two_processes_equal_one_with_the_same_global_batch(latents: Latents, tmp_path: Path) -> None:
    train_ldm(latents, full_rate(20), 0, tmp_path / "one", None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = [sys.executable, "-c", WORKER, str(Path(__file__).parent), str(latents.folder), str(tmp_path / "two")]
    shared = os.environ | {
        "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": "2",
    }  # fmt: skip
    running = [
        subprocess.Popen(arguments, env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    for process in running:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told.decode()[-2000:]
    one, two = load_file(tmp_path / "one" / CHECKPOINT), load_file(tmp_path / "two" / CHECKPOINT)
    worst = max(float((one[key] - two[key]).abs().max()) for key in one if key.startswith("network/"))
    assert worst < 1e-5
