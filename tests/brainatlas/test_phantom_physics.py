"""Relaxation, signal equations and drawn protocols: known answers, and contrasts that hold on every scanner."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainatlas.phantom.protocol import CONTRASTS, SCANNERS, Protocol, draw_protocol
from brainatlas.phantom.signal import inversion_recovery, null_time, spin_echo, spoiled_gradient_echo
from brainatlas.phantom.tissue import Relaxation, relaxation

WATER = Relaxation(t1_ms=1000.0, t2_ms=100.0, density=1.0)


def test_spoiled_gradient_echo_peaks_at_the_ernst_angle() -> None:
    ernst = math.degrees(math.acos(math.exp(-20 / 1000)))
    signals = [spoiled_gradient_echo(WATER, tr_ms=20, te_ms=0, flip_deg=a) for a in (ernst - 2, ernst, ernst + 2)]
    assert max(signals) == signals[1]
    full = spoiled_gradient_echo(WATER, tr_ms=1e6, te_ms=0, flip_deg=90)
    assert full == pytest.approx(1.0)


def test_spin_echo_halves_with_every_t2_ln_2() -> None:
    first = spin_echo(WATER, tr_ms=1e6, te_ms=50)
    second = spin_echo(WATER, tr_ms=1e6, te_ms=50 + 100 * math.log(2))
    assert second == pytest.approx(first / 2)
    assert first == pytest.approx(math.exp(-0.5))


@given(st.floats(300, 4500), st.floats(5000, 12000), st.floats(20, 150))
def test_null_time_silences_its_tissue(t1_ms: float, tr_ms: float, te_ms: float) -> None:
    tissue = Relaxation(t1_ms=t1_ms, t2_ms=100, density=1)
    ti = null_time(tissue, tr_ms=tr_ms, te_ms=te_ms)
    assert inversion_recovery(tissue, tr_ms=tr_ms, te_ms=te_ms, ti_ms=ti) == pytest.approx(0, abs=1e-9)


def test_published_relaxation_at_3_tesla() -> None:
    assert relaxation("white", 3.0).t1_ms == pytest.approx(886, rel=0.01)  # literature: 830 to 1084 ms
    assert 1300 < relaxation("grey", 3.0).t1_ms < 1700  # literature: 1331 to 1607 ms
    assert relaxation("grey", 0.3).t1_ms < relaxation("grey", 3.0).t1_ms


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_contrast_holds_on_every_scanner(contrast: str) -> None:
    order = {"T1w": ("white", "grey", "csf"), "T2w": ("csf", "grey", "white"), "FLAIR": ("grey", "white", "csf")}
    seen: set[float] = set()
    for number in range(300):
        protocol = draw_protocol(contrast, np.random.default_rng(number))
        bright, middle, dark = (protocol.signal(tissue) for tissue in order[contrast])
        assert bright > 1.12 * middle, protocol
        assert middle > 1.12 * dark, protocol
        seen.add(protocol.field_t)
    assert seen == {field for field, _, _ in SCANNERS}


def test_the_sidecar_states_what_made_the_signal() -> None:
    protocol = draw_protocol("FLAIR", np.random.default_rng(5))
    stated = protocol.sidecar()
    again = Protocol(
        contrast="FLAIR",
        field_t=float(str(stated["MagneticFieldStrength"])),
        manufacturer=str(stated["Manufacturer"]),
        model=str(stated["ManufacturersModelName"]),
        tr_ms=1000 * float(str(stated["RepetitionTime"])),
        te_ms=1000 * float(str(stated["EchoTime"])),
        ti_ms=1000 * float(str(stated["InversionTime"])),
        flip_deg=float(str(stated["FlipAngle"])),
    )
    for tissue in ("csf", "grey", "white", "fat"):
        assert again.signal(tissue) == pytest.approx(protocol.signal(tissue))
    assert "InversionTime" not in draw_protocol("T1w", np.random.default_rng(5)).sidecar()
