"""A contrast and chance in, a scanner with its sequence parameters out, as they stand in the BIDS sidecar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainatlas.phantom import signal
from brainatlas.phantom.tissue import Relaxation, relaxation

CONTRASTS = ("T1w", "T2w", "FLAIR")
# (field strength in tesla as makers print it, maker, model)
SCANNERS = (
    (0.3, "Hitachi", "AIRIS II"),
    (0.35, "Siemens", "MAGNETOM C!"),
    (0.55, "Siemens", "MAGNETOM Free.Max"),
    (1.0, "Siemens", "MAGNETOM Harmony"),
    (1.0, "Philips", "Panorama HFO"),
    (1.5, "Siemens", "MAGNETOM Avanto"),
    (1.5, "GE", "Signa HDxt"),
    (1.5, "Philips", "Intera"),
    (3.0, "Siemens", "MAGNETOM Prisma"),
    (3.0, "GE", "Discovery MR750"),
    (3.0, "Philips", "Achieva"),
)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One scan's machine and timing; times in ms, angle in degrees, field in tesla."""

    contrast: str
    field_t: float
    manufacturer: str
    model: str
    tr_ms: float
    te_ms: float
    ti_ms: float | None
    flip_deg: float

    def signal(self, tissue: str) -> float:
        """Return what a voxel full of `tissue` gives, in units of the proton density of water."""
        answer = relaxation(tissue, self.field_t)
        if self.contrast == "T1w":
            return signal.spoiled_gradient_echo(answer, tr_ms=self.tr_ms, te_ms=self.te_ms, flip_deg=self.flip_deg)
        if self.ti_ms is None:
            return signal.spin_echo(answer, tr_ms=self.tr_ms, te_ms=self.te_ms)
        return signal.inversion_recovery(answer, tr_ms=self.tr_ms, te_ms=self.te_ms, ti_ms=self.ti_ms)

    def sidecar(self) -> dict[str, object]:
        """Return the BIDS fields of the scan (times in seconds)."""
        gradient = self.contrast == "T1w"
        fields: dict[str, object] = {
            "Modality": "MR",
            "MagneticFieldStrength": self.field_t,
            "Manufacturer": self.manufacturer,
            "ManufacturersModelName": self.model,
            "MRAcquisitionType": "3D",
            "ScanningSequence": "GR" if gradient else ("SE" if self.ti_ms is None else ["SE", "IR"]),
            "SequenceVariant": "SP" if gradient else "NONE",
            "PulseSequenceType": _SEQUENCES[self.contrast],
            "RepetitionTime": round(self.tr_ms / 1000, 6),
            "EchoTime": round(self.te_ms / 1000, 6),
            "FlipAngle": self.flip_deg,
        }
        if self.ti_ms is not None:
            fields["InversionTime"] = round(self.ti_ms / 1000, 6)
        return fields


_SEQUENCES = {"T1w": "Spoiled gradient echo", "T2w": "Spin echo", "FLAIR": "Inversion recovery spin echo"}


def field_strengths() -> tuple[float, ...]:
    """Return the field strengths that there are scanners of, tesla, rising."""
    return tuple(sorted({field for field, _, _ in SCANNERS}))


def draw_protocol(contrast: str, rng: np.random.Generator, field_t: float | None = None) -> Protocol:
    """Draw a scanner and parameters usual for `contrast` on it.

    Parameters
    ----------
    contrast : {"T1w", "T2w", "FLAIR"}
    rng : numpy.random.Generator
    field_t : float, optional
        Only scanners of this field strength; all of `SCANNERS` otherwise.
    """
    scanners = [one for one in SCANNERS if field_t is None or one[0] == field_t]
    field, maker, model = scanners[int(rng.integers(len(scanners)))]
    ti: float | None = None
    if contrast == "T1w":
        tr, te, flip = rng.uniform(12, 24), rng.uniform(2.5, 5.5), rng.uniform(20, 32)
    elif contrast == "T2w":
        tr, te, flip = rng.uniform(3200, 6500), rng.uniform(80, 115), 90.0
    else:
        tr, te, flip = rng.uniform(7000, 11000), rng.uniform(105, 140), 90.0
    tr, te = _printed(tr), round(float(te), 1)
    if contrast == "FLAIR":
        fluid: Relaxation = relaxation("csf", field)
        # Technologists set a round number near the null point, not the null point itself.
        ti = float(10 * round(signal.null_time(fluid, tr_ms=tr, te_ms=te) * rng.uniform(0.97, 1.0) / 10))
    return Protocol(
        contrast=contrast,
        field_t=field,
        manufacturer=maker,
        model=model,
        tr_ms=tr,
        te_ms=te,
        ti_ms=ti,
        flip_deg=float(round(flip)),
    )


def _printed(tr_ms: float) -> float:
    return round(float(tr_ms), 1) if tr_ms < 100 else float(10 * round(tr_ms / 10))
