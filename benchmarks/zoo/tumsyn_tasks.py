"""A trained TUMSyn and held-out people in, the figures of each question of the acceptance run out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from torch.nn import functional
from tumsyn_cohort import FINE, NATIVE, SEED
from tumsyn_people import KeptMaker, Person, Seen, flawless, head_at

from brainatlas.phantom import Protocol, scan_head
from braincaption.nifti import Volume
from braineval.overlap import icc
from braineval.resample import mean_interval, share_interval
from brainldm.tumsyn.bias import corrected
from brainldm.tumsyn.grid import averaged
from brainldm.tumsyn.intensity import normalised
from brainldm.tumsyn.retrieval import Retriever, contrast_named, top_one
from brainldm.tumsyn.scores import blurred, linear_copy, psnr, ssim

DRAWS = 10_000
DEGRADED_PEOPLE = 4
CURVE = 100  # steps of the best curve
TARGET_GAIN, TARGET_FINER, TARGET_SPEARMAN, TARGET_PEOPLE, TARGET_TOP = 3.0, 0.5, 0.9, 0.9, 0.5
ASKED_MS = (50.0, 75.0, 100.0, 125.0, 150.0)
TASKS = (("T1w", "echo2_T2w"), ("T1w", "FLAIR"), ("echo2_T2w", "T1w"))
VENTRICLES, WHITE = (4, 43), (2, 41)
NEW = {  # a field strength, a maker and timings of which the training people have none
    "T1w": Protocol(contrast="T1w", field_t=2.0, manufacturer="Bruker", model="", tr_ms=30.0, te_ms=7.0, ti_ms=None,
                    flip_deg=40.0),
    "T2w": Protocol(contrast="T2w", field_t=2.0, manufacturer="Bruker", model="", tr_ms=2400.0, te_ms=180.0, ti_ms=None,
                    flip_deg=90.0),
}  # fmt: skip
Voxels = npt.NDArray[np.floating]


def contrasts(maker: KeptMaker, people: list[Person], rng: np.random.Generator) -> dict[str, Any]:
    """Return PSNR and SSIM of made volumes against acquired ones, and the gain over the best linear copy.

    The system takes the bias field of its source out before it looks, which helps a copy too: the gain over a copy of
    the corrected source says what the network adds to that.

    Beside it the gain of a curve of the source's grey value that is fitted to the answer itself, of the source as
    acquired and of the source without noise and bias field: what no map of grey values alone can surpass.
    """
    found = {}
    for source, target in TASKS:
        rows = [_against_copy(maker, one, source, target) for one in people]
        bounds = [_by_curve(one, source, target) for one in people]
        found[f"{source} to {target}"] = {
            **_with_gain(rows, rng),
            "gain of the best curve, fitted to the answer, dB": {
                name: _mean([bound[name] - row["copy: PSNR brain"] for bound, row in zip(bounds, rows, strict=True)],
                            rng) for name in bounds[0]
            },
        }  # fmt: skip
    return {"target": f"gain of {TARGET_GAIN} dB from T1w to T2w and FLAIR", **found}


def echo_times(maker: KeptMaker, people: list[Person]) -> dict[str, Any]:
    """Return how the ratio of fluid to white matter follows the echo time asked for."""
    rows, true = [], []
    for one in people:
        labels = one.head.labels
        wanted = [replace(one.scans["echo2_T2w"].facts, te_ms=te) for te in ASKED_MS]
        made = [maker.make(one.scans["T1w"].volume, facts) for facts in wanted]
        rows.append([_ratio(data, labels) for data in made])
        protocol = one.protocol("echo2_T2w")
        true.append([_ratio(flawless(one.head, replace(protocol, te_ms=te)), labels) for te in ASKED_MS])
    ordered = np.array([spearmanr(ASKED_MS, row).statistic for row in rows])
    share = float((ordered >= TARGET_SPEARMAN).mean())
    return {
        "target": f"Spearman of {TARGET_SPEARMAN} in {TARGET_PEOPLE:.0%} of people",
        "asked, ms": ASKED_MS,
        "ratio of made volumes, mean over people": np.mean(rows, axis=0).round(2).tolist(),
        "ratio of the phantom there": np.mean(true, axis=0).round(2).tolist(),
        "Spearman, mean": round(float(ordered.mean()), 4),
        "people who reach it": share,
        "reached": share >= TARGET_PEOPLE,
    }


def finer(maker: KeptMaker, people: list[Person], rng: np.random.Generator) -> dict[str, Any]:
    """Return what asking for 2 mm from 3 mm gains over upsampling the volume made at 3 mm."""
    rows: dict[str, list[float]] = {}
    for one in people:
        facts = one.scans["echo2_T2w"].facts
        source = one.scans["T1w"].volume
        zooms = (FINE.zoom_mm,) * 3
        native, fine = maker.make(source, facts), maker.make(source, facts, zooms)
        upsampled = _upsampled(native)
        head, protocol = head_at(one.index, FINE), one.protocol("echo2_T2w")
        head_at.cache_clear()
        inside = head.mask > 0
        scan = scan_head(head, protocol, np.random.default_rng([SEED, one.index, 99]))
        truths = {"phantom": flawless(head, protocol), "phantom as scanned": normalised(scan.data * head.mask)}
        for name, truth in truths.items():
            for where, mask in (("brain", inside), ("whole", None)):
                gain = psnr(fine, truth, mask) - psnr(upsampled, truth, mask)
                rows.setdefault(f"gain against the {name}, {where}", []).append(gain)
        rows.setdefault("PSNR at 2 mm, brain", []).append(psnr(fine, truths["phantom"], inside))
        rows.setdefault("PSNR upsampled, brain", []).append(psnr(upsampled, truths["phantom"], inside))
    summary = {name: _mean(values, rng) for name, values in rows.items()}
    gain = summary["gain against the phantom, brain"]["mean"]
    return {"target": f"gain of {TARGET_FINER} dB in the brain", **summary, "reached": gain >= TARGET_FINER}


def retrieval(model: Path, people: list[Person], rng: np.random.Generator) -> dict[str, Any]:
    """Return how often a scan finds its prompt among 10, and its contrast among three."""
    scans = [(one.index, scan) for one in people for scan in one.scans.values()]
    facts = [scan.facts for _, scan in scans]
    found = Retriever(model).similarities([scan.voxels for _, scan in scans], facts)
    units = np.unique([index for index, _ in scans], return_inverse=True)[1]
    top = top_one(found, [one.prompt for one in facts], 10, rng)
    named = contrast_named(found, [str(one.contrast) for one in facts])
    shares = {}
    for name, values, interval in (("prompt among 10", top, mean_interval), ("contrast", named, share_interval)):
        bounds = interval(values, units, DRAWS, rng)
        shares[name] = {"top-1": round(float(values.mean()), 4), "ci95": _rounded(bounds)}
    kinds = np.array([str(one.contrast) for one in facts])
    shares["prompt among 10"]["by contrast"] = {str(kind): round(float(top[kinds == kind].mean()), 4)
                                                for kind in np.unique(kinds)}  # fmt: skip
    shares["prompt among 10"]["chance"], shares["contrast"]["chance"] = 0.1, round(1 / 3, 4)
    reached = bool(top.mean() >= TARGET_TOP)
    return {"target": f"top-1 of {TARGET_TOP} among 10 distinct prompts", "scans": len(scans), **shares,
            "reached": reached}  # fmt: skip


def degraded(maker: KeptMaker, people: list[Person]) -> dict[str, Any]:
    """Return PSNR in the brain of T2w at the scans' grid from T1w averaged or blurred by factors of 1 to 3."""
    rows: dict[str, list[float]] = {}
    for one in people[:DEGRADED_PEOPLE]:
        source, wanted = one.scans["T1w"].volume, one.scans["echo2_T2w"]
        for factor in (1, 1.5, 2, 3):
            made = maker.make(_coarser(source, factor), wanted.facts)
            rows.setdefault(f"averaged by {factor:g} an axis", []).append(psnr(made, wanted.voxels, one.mask))
        for fwhm in (1, 2, 3):
            soft = replace(source, data=blurred(source.data.astype(np.float32), fwhm))
            made = maker.make(soft, wanted.facts)
            rows.setdefault(f"blurred by {fwhm} voxels", []).append(psnr(made, wanted.voxels, one.mask))
    return {"people": DEGRADED_PEOPLE, **{name: round(float(np.mean(values)), 2) for name, values in rows.items()}}


def unseen_protocol(maker: KeptMaker, people: list[Person], rng: np.random.Generator) -> dict[str, Any]:
    """Return T1w to T2w where both come from a scanner and timings outside those trained on."""
    rows = []
    for one in people:
        scans = {}
        for number, (name, protocol) in enumerate(NEW.items()):
            data = scan_head(one.head, protocol, np.random.default_rng([SEED, one.index, 50 + number])).data
            voxels = data.astype(np.float32) * one.head.mask
            facts = replace(
                one.scans["T1w"].facts, contrast=name, field_t=protocol.field_t, maker=protocol.manufacturer,
                tr_ms=protocol.tr_ms, te_ms=protocol.te_ms, flip_deg=protocol.flip_deg,
            )  # fmt: skip
            facts = maker.maker.facts(facts.prompt)  # as a user's words: an unknown maker is None
            volume = Volume(data=voxels, affine=NATIVE.affine, path=Path(name))
            scans[name] = Seen(volume=volume, voxels=normalised(voxels), facts=facts)
        rows.append(_against_copy(maker, Person(index=one.index, scans=scans), "T1w", "T2w"))
    return {"protocol": "2 T, T1w TR 30 TE 7 flip 40; T2w TR 2400 TE 180", **_with_gain(rows, rng)}


def ablation(makers: dict[str, KeptMaker], people: list[Person], rng: np.random.Generator) -> dict[str, Any]:
    """Return PSNR from T1w to each T2w (short, middle and long echo) and FLAIR, by text encoder."""
    found: dict[str, Any] = {}
    for name, maker in makers.items():
        rows: dict[str, list[float]] = {}
        for one in people:
            for target in ("echo1_T2w", "echo2_T2w", "echo3_T2w", "FLAIR"):
                wanted = one.scans[target]
                made = maker.make(one.scans["T1w"].volume, wanted.facts)
                rows.setdefault(target, []).append(psnr(made, wanted.voxels, one.mask))
        found[name] = {target: _mean(values, rng) for target, values in rows.items()}
    return found


def fluid_volumes(maker: KeptMaker, people: list[Person]) -> dict[str, Any]:
    """Return the agreement of fluid volumes, ml, that a threshold finds in made and in acquired T2w."""
    rows = []
    for one in people:
        wanted = one.scans["echo3_T2w"]
        made = maker.make(one.scans["T1w"].volume, wanted.facts)
        rows.append([_bright_ml(data, one.mask) for data in (made, wanted.voxels, one.scans["T1w"].voxels.max()
                                                             - one.scans["T1w"].voxels)])  # fmt: skip
    made_ml, true_ml, copied_ml = np.array(rows).T
    return {
        "people": len(rows),
        "mean, ml": {"made": round(float(made_ml.mean()), 1), "acquired": round(float(true_ml.mean()), 1)},
        "ICC(2,1)": round(icc(made_ml, true_ml), 4),
        "ICC(2,1) of the inverted T1w": round(icc(copied_ml, true_ml), 4),
    }


def _against_copy(maker: KeptMaker, one: Person, source: str, target: str) -> dict[str, float]:
    wanted, given = one.scans[target], one.scans[source]
    made = maker.make(given.volume, wanted.facts)
    copied = linear_copy(given.voxels, wanted.voxels, one.mask)
    even = corrected(given.voxels, tuple(given.volume.zooms))
    return {
        "corrected copy: PSNR brain": psnr(linear_copy(even, wanted.voxels, one.mask), wanted.voxels, one.mask),
        "PSNR brain": psnr(made, wanted.voxels, one.mask),
        "PSNR whole": psnr(made, wanted.voxels),
        "SSIM brain": ssim(made, wanted.voxels, one.mask),
        "SSIM whole": ssim(made, wanted.voxels),
        "copy: PSNR brain": psnr(copied, wanted.voxels, one.mask),
        "copy: PSNR whole": psnr(copied, wanted.voxels),
        "copy: SSIM brain": ssim(copied, wanted.voxels, one.mask),
    }


def _by_curve(one: Person, source: str, target: str) -> dict[str, float]:
    """Return the PSNR in the brain of the best curve of the source's grey value, by which source."""
    wanted, mask = one.scans[target].voxels[one.mask], one.mask
    sources = {"of the source": one.scans[source].voxels, "of the source without noise and bias":
               flawless(one.head, one.protocol(source))}  # fmt: skip
    found = {}
    for name, volume in sources.items():
        inside = volume[mask]
        place = np.searchsorted(np.quantile(inside, np.linspace(0, 1, CURVE + 1)[1:-1]), inside)
        count = np.maximum(np.bincount(place, minlength=CURVE), 1)
        curve = np.bincount(place, weights=wanted, minlength=CURVE) / count
        found[name] = psnr(curve[place], wanted)
    return found


def _with_gain(rows: list[dict[str, float]], rng: np.random.Generator) -> dict[str, Any]:
    found: dict[str, Any] = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
    pairs = {
        "in the brain": ("PSNR brain", "copy: PSNR brain"),
        "in the whole volume": ("PSNR whole", "copy: PSNR whole"),
        "in the brain, over a copy of the source without its bias field": ("PSNR brain", "corrected copy: PSNR brain"),
    }
    for where, (made, copied) in pairs.items():
        found[f"gain {where}, dB"] = _mean([row[made] - row[copied] for row in rows], rng)
    gains = (found["gain in the brain, dB"]["mean"], found["gain in the whole volume, dB"]["mean"])
    found["reached"] = min(gains) >= TARGET_GAIN
    return found


def _mean(values: list[float], rng: np.random.Generator) -> dict[str, Any]:
    bounds = mean_interval(np.array(values), np.arange(len(values)), DRAWS, rng)
    return {"mean": round(float(np.mean(values)), 3), "ci95": _rounded(bounds)}


def _rounded(bounds: tuple[float, float] | None) -> list[float] | None:
    return None if bounds is None else [round(bound, 3) for bound in bounds]


def _ratio(data: Voxels, labels: npt.NDArray[np.integer]) -> float:
    """Return the mean grey value of the lateral ventricles over that of cerebral white matter."""
    return float(data[np.isin(labels, VENTRICLES)].mean() / data[np.isin(labels, WHITE)].mean())


def _upsampled(native: Voxels) -> npt.NDArray[np.float32]:
    """Return a volume on the 1.5 times finer grid of the same field of view, trilinearly."""
    grown = functional.interpolate(torch.from_numpy(np.ascontiguousarray(native))[None, None], size=FINE.shape,
                                   mode="trilinear", align_corners=False)  # fmt: skip
    return grown[0, 0].numpy()


def _coarser(source: Volume, factor: float) -> Volume:
    """Return a scan averaged by `factor` an axis, with the affine of the coarser grid."""
    shape = tuple(round(n / factor) for n in source.data.shape)
    ratio = np.array(source.data.shape) / shape
    affine = source.affine.copy()
    affine[:3, :3] = source.affine[:3, :3] * ratio
    affine[:3, 3] = source.affine[:3, 3] + source.affine[:3, :3] @ ((ratio - 1) / 2)
    return Volume(data=averaged(source.data.astype(np.float32), shape), affine=affine, path=source.path)


def _bright_ml(data: Voxels, mask: npt.NDArray[np.bool_]) -> float:
    """Return the volume of the brain's voxels above Otsu's threshold, ml."""
    from skimage.filters import threshold_otsu

    inside = np.asarray(data)[mask]
    return float((inside > threshold_otsu(inside)).sum() * NATIVE.zoom_mm**3 / 1000)
