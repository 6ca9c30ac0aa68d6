"""The networks: the paper's sizes build, count and learn a step; prompts are heard; points lie where they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from brainldm.tumsyn.contrastive import Bmlip, contrastive_loss, rate_factor, readout_loss
from brainldm.tumsyn.facts import NUMBERS, Facts, numbers_of, ranges
from brainldm.tumsyn.network import PointDecoder, Synthesis, TextFusion
from brainldm.tumsyn.settings import available, load_tumsyn_config, origins
from brainldm.tumsyn.text import PromptTransformer
from brainldm.tumsyn.tokens import Tokens, make_prompt_tokenizer
from brainldm.tumsyn.train import rate_factor as synthesis_rate
from brainldm.tumsyn.vision import VolumeTransformer, cropped, halved

PAPER, TINY = load_tumsyn_config("paper"), load_tumsyn_config("tiny")


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_sizes() -> None:
    with torch.device("meta"):
        synthesis = Synthesis(PAPER.synthesis, 768)
        vision, text = VolumeTransformer(PAPER.vision, 768), PromptTransformer(PAPER.text, 49_408)
    assert count(synthesis) == pytest.approx(114e6, rel=0.005)
    assert (count(synthesis.encoder), count(synthesis.decoder)) == (92_033_024, 14_369_025)
    assert count(vision) == pytest.approx(86e6 + 4096 * 768, rel=0.03), "ViT-B/16, with patches of 16³"
    assert count(text) == pytest.approx(51e6, rel=0.03)


def test_the_papers_synthesis_network_learns_from_a_patch() -> None:
    network = Synthesis(PAPER.synthesis, 768)
    points = torch.rand(1, 512, 3) * 2 - 1
    loss = (network(torch.rand(1, 1, 8, 8, 8), torch.randn(1, 768), points) - torch.rand(1, 512)).abs().mean()
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())
    assert network.encoder.head.weight.grad is not None
    assert network.encoder.head.weight.grad.abs().max() > 0


def test_the_papers_encoders_learn_from_two_volumes() -> None:
    prompts = [Facts(contrast=name).prompt for name in ("T1w", "T2w")]
    tokenizer = make_prompt_tokenizer("prompts", prompts, vocabulary=200, numbers=False, limit=90)
    network = Bmlip(PAPER, tokenizer.size)
    similarities, said = network(torch.rand(2, 1, 96, 96, 96), tokenizer.encode(prompts))
    contrastive_loss(similarities, prompts).backward()
    assert similarities.shape == (2, 2)
    assert said.shape == (2, PAPER.text.embedding)
    assert network.readout is None, "the paper has none"
    assert network.log_scale.grad is not None
    patches = network.vision.vit.patch_embedding.patch_embeddings.weight.grad
    assert patches is not None
    assert patches.isfinite().all()
    assert patches.abs().max() > 0


@pytest.mark.parametrize("residual", [False, True])
def test_a_patch_of_one_tissue_hears_the_prompt_only_through_the_residual(residual: bool) -> None:
    torch.manual_seed(0)
    fusion = TextFusion(replace(TINY.synthesis, text_residual=residual), 8).eval()
    flat = torch.randn(1, TINY.synthesis.width, 1, 1, 1).expand(-1, -1, 6, 6, 6)
    one, other = (fusion(flat, torch.randn(1, 8))[0, :, 3, 3, 3] for _ in range(2))
    assert torch.allclose(one, other, atol=1e-5) != residual
    varied = torch.randn(1, TINY.synthesis.width, 6, 6, 6)
    one, other = (fusion(varied, 5 * torch.randn(1, 8)) for _ in range(2))
    assert not torch.allclose(one, other, atol=1e-5), "what is attended depends on the prompt"


def test_points_are_sampled_where_they_lie_along_every_axis() -> None:
    decoder = PointDecoder(replace(TINY.synthesis, width=3, coordinates="voxel", decoder=()))
    torch.nn.init.zeros_(decoder.layers[0].bias)
    torch.nn.init.zeros_(decoder.layers[0].weight)
    features = torch.stack(torch.meshgrid(*[torch.arange(n) + 0.5 for n in (4, 5, 6)], indexing="ij")).float()[None]
    points = torch.tensor([[[-0.25, 0.2, 0.5], [0.0, 0.0, 0.0]]])
    inside = (points + 1) / 2 * torch.tensor([4.0, 5.0, 6.0])
    for axis in range(3):
        with torch.no_grad():
            decoder.layers[0].weight.zero_()[0, axis] = 1
        assert torch.allclose(decoder(features, points), inside[..., axis])
        with torch.no_grad():
            decoder.layers[0].weight.zero_()[0, 3 + axis] = 1
        assert torch.allclose(decoder(features, points), 2 * (inside % 1)[..., axis] - 1, atol=1e-5)


def test_tokens_after_the_end_are_not_seen() -> None:
    torch.manual_seed(0)
    network = PromptTransformer(replace(TINY.text, layers=2), 30).eval()
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 9]])
    values = torch.zeros(2, 4)
    early, late = (network(Tokens(ids=ids, values=values, ends=torch.full((2,), at))) for at in (2, 3))
    assert torch.allclose(early[0], early[1], atol=1e-6)
    assert not torch.allclose(late[0], late[1], atol=1e-3)


def test_numbers_are_read_from_prompts_by_a_line_where_they_are_stated() -> None:
    facts = [Facts(contrast="T2w", te_ms=te, field_t=field) for te, field in ((80.0, 3.0), (120.0, None), (100.0, 1.0))]
    tokenizer = make_prompt_tokenizer("prompts", [one.prompt for one in facts], vocabulary=200, numbers=True, limit=90)
    torch.manual_seed(0)
    network = Bmlip(TINY, tokenizer.size)
    assert network.readout is not None
    numbers = torch.tensor([numbers_of(one, ranges(facts)) for one in facts])
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    shown, tokens = torch.rand(3, 1, *[TINY.vision.crop] * 3), tokenizer.encode([one.prompt for one in facts])
    losses = []
    for _ in range(60):
        loss = readout_loss(network.readout(network(shown, tokens)[1]), numbers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0], losses[::10]
    assert readout_loss(torch.zeros(3, len(NUMBERS)), torch.full((3, len(NUMBERS)), torch.nan)) == 0, "none stated"


def test_equal_prompts_are_no_mistake() -> None:
    same = 50.0 * torch.ones(2, 2)
    assert contrastive_loss(same, ["a", "a"]).item() == pytest.approx(0.693, abs=1e-3)
    swapped = 50 * torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert contrastive_loss(swapped, ["a", "b"]).item() == pytest.approx(50, abs=0.1)


def test_rates_rise_fall_and_halve() -> None:
    first = replace(TINY.contrastive, steps=100, warmup_steps=10)
    assert [round(rate_factor(step, first), 2) for step in (0, 9, 10, 55, 99, 100)] == [0.1, 1.0, 1.0, 0.5, 0.01, 0.0]
    second = replace(TINY.training, constant_steps=100, halve_every=50)
    assert [synthesis_rate(step, second) for step in (0, 99, 100, 149, 150)] == [1, 1, 0.5, 0.5, 0.25]


def test_the_transformer_is_shown_the_middle() -> None:
    volume = torch.arange(6 * 6 * 6).reshape(6, 6, 6).float().numpy()
    coarse = halved(volume, 2)
    assert coarse.shape == (3, 3, 3)
    assert coarse[0, 0, 0] == volume[:2, :2, :2].mean()
    assert cropped(coarse, 1, (0, 0, 0))[0, 0, 0] == coarse[1, 1, 1]
    assert cropped(coarse, 1, (1, 0, -1))[0, 0, 0] == coarse[2, 1, 0]
    wide = cropped(coarse, 5, (0, 0, 0))
    assert (wide[1:4, 1:4, 1:4] == coarse).all()
    assert wide.sum() == coarse.sum()
    assert not cropped(coarse, 1, (9, 0, 0)).any()


@pytest.mark.parametrize("name", available())
def test_every_number_of_a_config_has_an_origin(name: str) -> None:
    config = load_tumsyn_config(name)
    sections = ("vision", "text", "contrastive", "synthesis", "training", "inference")
    keys = {f"{section}.{key}" for section in sections for key in vars(getattr(config, section))}
    found = origins(name)
    assert set(found) == keys
    assert all(text.startswith(("paper", "authors' code", "prior art", "chosen")) for text in found.values())
