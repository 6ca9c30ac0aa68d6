"""Tissue and field strength in, T1, T2 and proton density out.

Longitudinal relaxation of brain tissue grows as a power of the field (Rooney et al. 2007, doi:10.1002/mrm.21122; grey
T1 1188 ms and white 680 ms at 1.5 T, exponents 0.376 and 0.382); fluid's hardly does. Transverse relaxation and muscle
after Stanisz et al. 2005 (doi:10.1002/mrm.20605), fat after Gold et al. 2004 (doi:10.2214/ajr.183.2.1830343), proton
densities after BrainWeb (Collins et al. 1998, doi:10.1109/42.712135).
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_T = 1.5


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """How one tissue answers: T1 and T2 in ms, proton density as a share of water's."""

    t1_ms: float
    t2_ms: float
    density: float


@dataclass(frozen=True, kw_only=True)
class _Law:
    t1_ms: float  # at 1.5 T
    t1_exponent: float
    t2_ms: float  # at 1.5 T
    t2_exponent: float
    density: float


_LAWS = {
    "csf": _Law(t1_ms=4200, t1_exponent=0.02, t2_ms=1900, t2_exponent=-0.1, density=1.0),
    "grey": _Law(t1_ms=1188, t1_exponent=0.376, t2_ms=97, t2_exponent=0.0, density=0.86),
    "white": _Law(t1_ms=680, t1_exponent=0.382, t2_ms=72, t2_exponent=-0.06, density=0.72),
    "bone": _Law(t1_ms=300, t1_exponent=0.3, t2_ms=1, t2_exponent=0.0, density=0.1),
    "fat": _Law(t1_ms=300, t1_exponent=0.27, t2_ms=110, t2_exponent=-0.2, density=0.9),
    "muscle": _Law(t1_ms=1010, t1_exponent=0.42, t2_ms=45, t2_exponent=-0.1, density=0.8),
}


def relaxation(tissue: str, field_t: float) -> Relaxation:
    """Return T1, T2 and proton density of `tissue` at `field_t` tesla.

    Examples
    --------
    >>> round(relaxation("white", 3.0).t1_ms)
    886
    """
    law = _LAWS[tissue]
    ratio = field_t / REFERENCE_T
    return Relaxation(
        t1_ms=law.t1_ms * ratio**law.t1_exponent, t2_ms=law.t2_ms * ratio**law.t2_exponent, density=law.density
    )
