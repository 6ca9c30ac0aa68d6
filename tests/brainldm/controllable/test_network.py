"""A base in: the branch starts as a copy that adds nothing, exactly the paper's parameters learn, both sizes build."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from brainldm.attention import MaskedCrossAttention
from brainldm.controllable.model_folder import build_controlled
from brainldm.controllable.network import ControlledUNet, Under
from brainldm.controllable.settings import (
    FIRST_MIDDLE_BLOCK,
    NOTHING,
    ControlConfig,
    available,
    control_origins,
    load_control_config,
)
from brainldm.controllable.train import batch_lines
from brainldm.controllable.training_lines import cached_lines, other_contrasts
from brainldm.latents import read_latents
from brainldm.model_folder import read_record
from brainldm.schedule import ForwardProcess
from brainldm.slices import load_slices
from brainldm.text.protocol import EncodedText
from brainldm.train_ldm import make_batch
from brainldm.unet import TextUNet


@pytest.fixture
def network(base: Path, small: ControlConfig) -> ControlledUNet:
    torch.manual_seed(0)
    return build_controlled(base / "model", read_record(base / "model"), small.control)


def some_text(tokens: int = 5, padding: int = 0) -> EncodedText:
    """Return two captions of `tokens` tokens, then padding that is far from them."""
    generator = torch.Generator().manual_seed(1)
    found = torch.randn(2, tokens, 16, generator=generator)
    padded = torch.cat([found, 50 * torch.ones(2, padding, 16)], dim=1)
    mask = torch.arange(tokens + padding).expand(2, -1) < tokens
    return EncodedText(tokens=padded, mask=mask, pooled=torch.randn(2, 16, generator=generator))


def some_input() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    lines = (torch.rand(2, 1, 32, 32, generator=generator) > 0.8).float()
    return torch.randn(2, 4, 8, 8, generator=generator), torch.tensor([10, 900]), lines


def test_before_training_the_branch_adds_nothing(network: ControlledUNet) -> None:
    latents, timesteps, lines = some_input()
    text = some_text()
    assert torch.equal(
        Under(network, lines).predict(latents, timesteps, text), network.main.predict(latents, timesteps, text)
    )


def test_the_branch_is_a_copy_of_encoder_and_middle(network: ControlledUNet) -> None:
    ours, theirs = network.branch.state_dict(), network.main.unet.state_dict()
    shared = [key for key in ours if not key.startswith("controlnet_")]
    parts = {"conv_in", "time_embed", "class_embedding", "down_blocks", "middle_block"}
    assert {key.split(".")[0] for key in shared} == parts
    assert {key for key in theirs if key.split(".")[0] in parts} == set(shared)
    assert all(torch.equal(ours[key], theirs[key]) for key in shared)
    assert ours["conv_in.conv.weight"].data_ptr() != theirs["conv_in.conv.weight"].data_ptr()
    zero = [key for key in ours if key.startswith(("controlnet_down", "controlnet_mid"))]
    zero += [key for key in ours if key.startswith("controlnet_cond_embedding.conv_out")]
    assert len(zero) > 10
    assert all(not ours[key].any() for key in zero)


def learn(network: ControlledUNet, base: Path, small: ControlConfig, slices: Path, main_trained: str) -> set[str]:
    """Take two optimizer steps, in float64 so that small ones show, and return the parameters that changed."""
    network = network.double()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    latents = read_latents(base / "latents")
    edges = cached_lines(load_slices(slices, "train", 4), slices, small.control, base / "lines")
    optimizer = torch.optim.AdamW(network.trained(main_trained).parameters(), lr=1e-3, weight_decay=0.0)
    process = ForwardProcess(small.base.noise)
    for step in range(2):
        batch = make_batch(latents, small.while_controlled, 0, step, 0, 1)
        lines = batch_lines(latents, edges, other_contrasts(latents.table), small, 0, step, 0, 1)
        noisy, text = process.noisy(batch.clean, batch.noise, batch.timesteps).double(), batch.text
        read = (text.tokens.double(), text.mask, text.pooled.double())
        guess = network(noisy, batch.timesteps, *read, lines.double())
        optimizer.zero_grad()
        (guess - process.target(batch.clean, batch.noise, batch.timesteps)).square().mean().backward()
        optimizer.step()
    return {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}


MIDDLE = {
    f"main.unet.middle_block.resnet_1.{part}.{kind}"
    for part in ("norm1", "conv1.conv", "time_emb_proj", "norm2", "conv2.conv")
    for kind in ("weight", "bias")
}


@pytest.mark.parametrize(("main_trained", "changed"), [(FIRST_MIDDLE_BLOCK, MIDDLE), (NOTHING, set())])
def test_two_steps_change_the_branch_and_of_the_main_network_exactly_this(
    network: ControlledUNet, base: Path, small: ControlConfig, slice_folder: Path, main_trained: str, changed: set[str]
) -> None:
    found = learn(network, base, small, slice_folder, main_trained)
    assert {name for name in found if name.startswith("main.")} == changed
    # What lies before the branch's input zero convolution learns from the third step: two zero layers are ahead of it.
    waiting = {
        name for name, _ in network.branch.named_parameters(prefix="branch")
        if name.startswith("branch.controlnet_cond_embedding.") and ".conv_out." not in name
    }  # fmt: skip
    branch = {name for name, _ in network.branch.named_parameters(prefix="branch")}
    assert waiting
    assert found - changed == branch - waiting


def test_padding_changes_nothing_in_the_branch_either(network: ControlledUNet) -> None:
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    latents, timesteps, lines = some_input()
    assert all(
        isinstance(module.attn2, MaskedCrossAttention) for module in network.modules() if hasattr(module, "attn2")
    )
    short = Under(network, lines).predict(latents, timesteps, some_text())
    padded = Under(network, lines).predict(latents, timesteps, some_text(padding=40))
    assert (short - padded).abs().max() < 1e-4 * short.abs().max()
    assert (Under(network, 1 - lines).predict(latents, timesteps, some_text()) - short).abs().max() > 1e-2


def test_the_papers_size_counts_and_learns_from_a_64_by_64_latent() -> None:
    config = load_control_config("paper")
    with torch.device("meta"):
        built = ControlledUNet(TextUNet(config.base.unet, (1, 64, 64), 768), config.base.unet, config.control)
    millions = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in built.named_children()}
    assert millions["main"] == pytest.approx(101.3, abs=0.05)
    assert millions["branch"] == pytest.approx(45.8, abs=0.05)
    network = ControlledUNet(TextUNet(config.base.unet, (1, 64, 64), 768), config.base.unet, config.control)
    trained = network.trained(config.control.main_trained)
    text = EncodedText(
        tokens=torch.randn(1, 77, 768), mask=torch.ones(1, 77, dtype=torch.bool), pooled=torch.randn(1, 768)
    )
    lines = Under(network, torch.ones(1, 1, 256, 256))
    lines.predict(torch.randn(1, 1, 64, 64), torch.tensor([500]), text).square().mean().backward()
    assert all(parameter.grad is not None for parameter in trained.parameters())
    assert network.branch.controlnet_mid_block.conv.bias.grad is not None
    assert all(p.grad is None for name, p in network.main.named_parameters() if "middle_block.resnet_1" not in name)


@pytest.mark.parametrize("name", available())
def test_every_number_of_a_config_says_where_it_comes_from(name: str) -> None:
    config, told = load_control_config(name), control_origins(name)
    wanted = {f"{section}.{key}" for section in ("base_steps", "control", "training", "sampling") for key in vars(getattr(config, section))}  # fmt: skip  # noqa: E501
    assert set(told) == wanted
    assert all(text.split(":")[0] in ("paper", "prior art", "chosen") for text in told.values())
