"""Images and latents in: each term is zero where it should be, and the critic stays frozen in the generator's step."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as exact_kl

from braincaption.errors import BrainError
from brainldm.config import load_config
from brainldm.losses import Adversarial, build_critic, kl_divergence, perceptual_loss, structural_loss


def test_kl_is_the_exact_divergence_summed_over_a_latent() -> None:
    torch.manual_seed(0)
    mean, deviation = torch.randn(3, 2, 4, 4), torch.rand(3, 2, 4, 4) + 0.1
    expected = exact_kl(Normal(mean, deviation), Normal(0.0, 1.0)).flatten(1).sum(1).mean()
    assert kl_divergence(mean, deviation) == pytest.approx(float(expected), rel=1e-5)


def test_structural_loss_is_zero_for_equal_images_and_grows_with_damage() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 1, 32, 32)
    losses = [float(structural_loss(image, image + amount * torch.randn_like(image))) for amount in (0, 0.05, 0.3)]
    assert losses[0] == pytest.approx(0, abs=1e-6)
    assert losses[0] < losses[1] < losses[2] < 1


def test_the_critic_gets_no_gradient_in_the_generators_step_and_the_image_none_in_the_critics() -> None:
    critic = build_critic(load_config("tiny").vae_training)
    terms, real = Adversarial(), torch.rand(2, 1, 32, 32)
    fake = torch.rand(2, 1, 32, 32, requires_grad=True)
    terms.generator(critic, fake).backward()
    assert fake.grad is not None and fake.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in critic.parameters())
    fake.grad = None
    terms.critic(critic, real, fake).backward()
    assert fake.grad is None
    assert all(parameter.grad is not None for parameter in critic.parameters())


def test_the_critic_does_not_mix_samples() -> None:
    critic = build_critic(load_config("tiny").vae_training).train()
    images = torch.rand(3, 1, 32, 32)
    together, alone = critic(images)[-1], critic(images[1:2])[-1]
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_the_structural_term_needs_no_download() -> None:
    assert perceptual_loss(load_config("tiny").vae_training) == ("structural", structural_loss)


def test_lpips_that_cannot_be_had_is_refused_or_replaced_and_named() -> None:
    settings = load_config("paper").vae_training
    with pytest.raises(BrainError, match="structural"):
        perceptual_loss(replace(settings, perceptual="lpips"))
    assert perceptual_loss(settings)[0] == "structural"
