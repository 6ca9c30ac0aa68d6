"""The facts of a slice in, the prompt that SD-MRI is trained on and asked with out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braincaption.language import load_language

_LANGUAGE = "en"  # of CLIP's text encoder


def prompt_of(facts: Mapping[str, Any]) -> str | None:
    """Return what a slice shows, as far as its facts say: plane, contrast and field strength.

    Parameters
    ----------
    facts : mapping
        A row of a slice folder: ``plane``, ``sequence``, ``field_strength_t``; missing ones are left out.

    Returns
    -------
    str or None
        None where neither contrast nor field strength is known: such a row has nothing to ask for.

    Examples
    --------
    >>> prompt_of({"plane": "axial", "sequence": "T2w", "field_strength_t": 0.3})
    'Axial T2-weighted MRI of the brain at 0.3 T'
    >>> prompt_of({"sequence": "T1ce"})
    'Contrast-enhanced T1-weighted MRI of the brain'
    """
    language = load_language(_LANGUAGE)
    plane, sequence, tesla = (_known(facts.get(name)) for name in ("plane", "sequence", "field_strength_t"))
    if sequence is None and tesla is None:
        return None
    words = " ".join(part for part in (plane, language.sequence(sequence or "") or "MRI") if part)
    field = None if tesla is None else language.field(float(tesla))
    said = f"{words} of the brain" + (f" at {field}" if field else "")
    return said[0].upper() + said[1:]


def _known(value: Any) -> Any:
    return None if value is None or pd.isna(value) else value
