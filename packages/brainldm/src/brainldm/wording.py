"""What a slice shall show in, a short English prompt out: as the demo page writes it and the shipped model read it."""

from __future__ import annotations

from collections.abc import Mapping

# Sides and words by plane, for positions above and below zero along the plane's axis (RAS).
_WHERE = {
    "axial": ("above", "below"),
    "coronal": ("in front of", "behind"),
    "sagittal": ("to the right of", "to the left of"),
}
_SEX = {"F": "woman", "M": "man"}
# FreeSurfer numbers of each structure, both sides together, that a prompt can ask for by volume.
STRUCTURES: Mapping[str, tuple[int, ...]] = {
    "lateral ventricles": (4, 43),
    "cerebral white matter": (2, 41),
    "cerebral cortex": (3, 42),
    "thalami": (10, 49),
    "caudate nuclei": (11, 50),
    "putamina": (12, 51),
    "hippocampi": (17, 53),
    "cerebellar cortex": (8, 47),
    "brainstem": (16,),
}


def build_prompt(
    *,
    plane: str,
    sequence: str,
    position_mm: float | None = None,
    age: float | None = None,
    sex: str | None = None,
    structures: Mapping[str, float] | None = None,
) -> str:
    """Return a prompt; what is None is not said.

    Parameters
    ----------
    plane : str
        axial, coronal or sagittal.
    sequence : str
        BIDS suffix: T1w, T2w, FLAIR …
    position_mm : float, optional
        RAS coordinate along the plane's axis.
    age : float, optional
        Years.
    sex : str, optional
        F or M.
    structures : mapping of str to float, optional
        Name → volume within the slice, mm³, both sides together.

    Examples
    --------
    >>> build_prompt(plane="axial", sequence="T2w", position_mm=-4.5, structures={"thalami": 1234.0})
    'Axial T2-weighted slice, 4.5 mm below the origin, with thalami of 1,234 mm³.'
    """
    name = f"{sequence[:-1]}-weighted" if sequence.endswith("w") else sequence
    parts = [f"{plane.capitalize()} {name} slice{_person(age, sex)}"]
    if position_mm is not None:
        side = _WHERE[plane][0 if position_mm >= 0 else 1]
        parts.append(f"{abs(position_mm):g} mm {side} the origin")
    listed = [f"{structure} of {volume:,.0f} mm³" for structure, volume in (structures or {}).items()]
    if listed:
        parts.append("with " + " and ".join(listed))
    return ", ".join(parts) + "."


def _person(age: float | None, sex: str | None) -> str:
    who = _SEX.get(sex or "", "person")
    if age is not None:
        return f" of a {age:.0f}-year-old {who}"
    return f" of a {who}" if sex in _SEX else ""
