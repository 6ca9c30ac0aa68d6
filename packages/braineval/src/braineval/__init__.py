"""Real and generated slices in, scores with protocol, interval and floor out."""

__version__ = "0.1.0"
__all__ = ["__version__"]
