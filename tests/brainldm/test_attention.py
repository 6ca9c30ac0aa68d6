"""Padded captions in: padding changes nothing, unpadded ones give MONAI's own attention, maps are probabilities."""

from dataclasses import replace

import pytest
import torch
from monai.networks.blocks.crossattention import CrossAttentionBlock

from brainldm.attention import MaskedCrossAttention, recorded_maps, with_mask
from brainldm.config import load_config
from brainldm.unet import TextUNet


@pytest.fixture
def network() -> TextUNet:
    torch.manual_seed(0)
    settings = replace(load_config("tiny").unet, channels=(16, 16, 16), text_width=8)
    built = TextUNet(settings, (2, 8, 8), 8)
    for parameter in built.parameters():  # MONAI starts its last layers at zero, which would hide everything
        torch.nn.init.normal_(parameter, std=0.2)
    return built.eval()


def test_without_padding_it_is_monais_attention() -> None:
    torch.manual_seed(0)
    block = CrossAttentionBlock(hidden_size=16, num_heads=4, hidden_input_size=24, context_input_size=10, dim_head=4)
    x, tokens = torch.randn(2, 9, 24), torch.randn(2, 5, 10)
    ours = MaskedCrossAttention(block)(x, with_mask(tokens, torch.ones(2, 5, dtype=torch.bool)))
    assert torch.allclose(ours, block(x, tokens), atol=1e-6)


def test_padding_changes_the_prediction_by_less_than_1e_5(network: TextUNet) -> None:
    latents, timesteps = torch.randn(2, 2, 8, 8), torch.tensor([10, 900])
    tokens, pooled = torch.randn(2, 4, 8), torch.randn(2, 8)
    short = network(latents, timesteps, tokens, torch.ones(2, 4, dtype=torch.bool), pooled)
    padded = torch.cat([tokens, 50 * torch.randn(2, 60, 8)], dim=1)
    mask = torch.arange(64).expand(2, 64) < 4
    assert (network(latents, timesteps, padded, mask, pooled) - short).abs().max() < 1e-5
    unmasked = network(latents, timesteps, padded, torch.ones(2, 64, dtype=torch.bool), pooled)
    assert (unmasked - short).abs().max() > 1e-2, "the text must matter for this test to mean anything"


def test_maps_are_probabilities_summed_over_heads_and_zero_on_padding(network: TextUNet) -> None:
    mask = torch.tensor([[True, True, False]])
    with recorded_maps(network) as maps:
        network(torch.randn(1, 2, 8, 8), torch.tensor([5]), torch.randn(1, 3, 8), mask, torch.randn(1, 8))
    assert {part.shape[1] for part in maps} == {16, 4}, "levels two and three of an 8×8 latent"
    heads = [module.heads for module in network.modules() if isinstance(module, MaskedCrossAttention)]
    assert len(heads) == len(maps)
    for part in maps:
        total = part.sum(-1)
        assert any(torch.allclose(total, torch.full(part.shape[:2], float(count)), atol=1e-5) for count in heads)
        assert part[..., 2].max() == 0
    assert network.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn2.maps is None


def test_another_encoder_width_is_projected() -> None:
    settings = replace(load_config("tiny").unet, channels=(16, 16, 16))
    assert isinstance(TextUNet(settings, (2, 8, 8), 768).project, torch.nn.Linear)
    assert isinstance(TextUNet(settings, (2, 8, 8), settings.text_width).project, torch.nn.Identity)
