"""Captioned slices in, trained VAE and diffusion models and generated slices out."""

__version__ = "0.1.0"
__all__ = ["__version__"]
