"""Cohorts in, brain masks, transforms, voted labels and the catalog of every scan in every space out."""

__version__ = "0.1.0"
__all__ = ["__version__"]
