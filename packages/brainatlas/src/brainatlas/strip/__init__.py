"""A whole head in, its brain mask and stripped image out; one file of ``strip/methods`` is one method."""

from brainatlas.strip.detect import is_stripped, largest_filled_component, stripped_mask
from brainatlas.strip.methods import StripSettings, load_stripper, stripper_names
from brainatlas.strip.stage import is_current, strip_scan

__all__ = [
    "StripSettings",
    "is_current",
    "is_stripped",
    "largest_filled_component",
    "load_stripper",
    "strip_scan",
    "stripped_mask",
    "stripper_names",
]
