"""Relaxation and timing in, signal out: the equations of spoiled gradient echo, spin echo and inversion recovery.

Bernstein, King, Zhou 2004, Handbook of MRI Pulse Sequences, chapter 14 (gradient echo, inversion recovery, spin echo).
Times in ms, signal in units of the proton density of water.
"""

from __future__ import annotations

import math

from brainatlas.phantom.tissue import Relaxation


def spoiled_gradient_echo(tissue: Relaxation, *, tr_ms: float, te_ms: float, flip_deg: float) -> float:
    """Return the steady-state signal of a spoiled gradient echo; T2 stands for T2* at these short echo times."""
    recovery = math.exp(-tr_ms / tissue.t1_ms)
    flip = math.radians(flip_deg)
    steady = math.sin(flip) * (1 - recovery) / (1 - math.cos(flip) * recovery)
    return tissue.density * steady * math.exp(-te_ms / tissue.t2_ms)


def spin_echo(tissue: Relaxation, *, tr_ms: float, te_ms: float) -> float:
    """Return the signal of a 90°–180° spin echo."""
    late = math.exp(-(tr_ms - te_ms / 2) / tissue.t1_ms)
    recovery = 1 - 2 * late + math.exp(-tr_ms / tissue.t1_ms)
    return tissue.density * recovery * math.exp(-te_ms / tissue.t2_ms)


def inversion_recovery(tissue: Relaxation, *, tr_ms: float, te_ms: float, ti_ms: float) -> float:
    """Return the magnitude of an inversion-recovery spin echo (180°–TI–90°–180°)."""
    late = math.exp(-(tr_ms - te_ms / 2) / tissue.t1_ms)
    inverted = 1 - 2 * math.exp(-ti_ms / tissue.t1_ms) + 2 * late - math.exp(-tr_ms / tissue.t1_ms)
    return tissue.density * abs(inverted) * math.exp(-te_ms / tissue.t2_ms)


def null_time(tissue: Relaxation, *, tr_ms: float, te_ms: float) -> float:
    """Return the inversion time at which `tissue` gives no signal, ms.

    Examples
    --------
    >>> fluid = Relaxation(t1_ms=4200, t2_ms=2000, density=1.0)
    >>> ti = null_time(fluid, tr_ms=9000, te_ms=120)
    >>> inversion_recovery(fluid, tr_ms=9000, te_ms=120, ti_ms=ti) < 1e-12
    True
    """
    late = math.exp(-(tr_ms - te_ms / 2) / tissue.t1_ms)
    return tissue.t1_ms * math.log(2 / (1 + 2 * late - math.exp(-tr_ms / tissue.t1_ms)))
