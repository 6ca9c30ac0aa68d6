"""The JSON files of this folder in, the tables of its README.md out, between the markers: no figure is typed by hand.

python benchmarks/ldm/tables.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def speed(found: dict[str, Any]) -> str:
    """Return the tutorial's way against ours."""
    rows = [
        (
            row["name"],
            f"{row['samples_per_s']:.1f}",
            f"{row['times_tutorial']:.2f}",
            f"{row['hours_for_24000x100']:.1f}",
        )
        for row in found["rows"]
    ]
    said = (
        f"`{found['config']}`, batch {found['batch']}, {found['image'][0]}×{found['image'][1]} pixels, {_where(found)}."
    )
    return said + "\n\n" + _table(("way", "samples/s", "÷ tutorial", "24,000 × 100, h"), rows)


def gpu_tiny_cpu(found: dict[str, Any]) -> str:
    """Return what the dry run of gpu.py wrote."""
    one = found["training"]
    return (
        f"Second run of one minute, resumed: {one['ldm_steps_before']} → {one['ldm_steps']} steps, "
        f"{one['ldm_samples_per_s']:.1f} samples/s in steady training, {_where(found)}. Share of peak: empty."
    )


def memory(found: dict[str, Any]) -> str:
    """Return what keeping freed memory brings."""
    rows = [
        (
            name,
            f"{1000 * row['as is']['seconds']:.0f}",
            f"{1000 * row['kept']['seconds']:.0f}",
            f"{row['times faster']['seconds']:.2f}",
            f"{row['as is']['page faults']:,.0f}",
            f"{row['kept']['page faults']:,.0f}",
        )
        for name, row in found["a step, median of processes"].items()
    ]
    head = ("a training step of", "as is, ms", "kept, ms", "times faster", "page faults as is", "kept")
    return f"{found['threads']} threads, {_where(found)}.\n\n" + _table(head, rows)


def contrast(found: dict[str, Any]) -> str:
    """Return how often the contrast asked for came out."""
    parts = ", ".join(f"{name} {share:.1%}" for name, share in found["by_sequence"].items())
    return (
        f"{found['named_right']:.1%} of {found['pictures']} pictures named right "
        f"({parts}; wanted {found['wanted']:.0%}); the judge "
        f"{found['judge_on_held_out_people']:.1%} on {found['held_out_slices']} slices of "
        f"{found['held_out_people']} unseen people (wanted {found['judge_wanted']:.0%}). `{found['model']}`, guidance "
        f"{found['guidance']:g}, {found['steps']} steps, seeds {found['seeds']}, {_where(found)}."
    )


def volume(found: dict[str, Any]) -> str:
    """Return how the drawn ventricles follow the volume asked for."""
    rows = [
        (one["sequence"], f"{one['position_mm']:g}", f"{one['asked_mm3'][0]:,.0f} to {one['asked_mm3'][-1]:,.0f}",
         f"{one['found_mm3'][0]:,.0f} to {one['found_mm3'][-1]:,.0f}", f"{one['spearman']:.3f}")
        for one in found["groups"]
    ]  # fmt: skip
    checked = ", ".join(
        f"{name} {one['spearman']:.3f} (within a position {one['spearman_within_position_median']:.3f})"
        for name, one in found["measure_on_held_out_people"].items()
    )
    return (
        f"Median Spearman within groups **{found['median_spearman']:.3f}** (wanted {found['wanted']}), "
        f"{len(rows)} groups of 20, `{found['model']}`, guidance {found['guidance']:g}, {_where(found)}. The measure "
        f"itself on unseen phantom people: {checked}.\n\n"
        + _table(("contrast", "mm", "asked, mm³", "found at the ends, mm³", "Spearman"), rows)
    )


def samplers(found: dict[str, Any]) -> str:
    """Return the table of steps × sampler × guidance."""
    distance = next(key for key in found["rows"][0] if key.startswith("frechet"))
    rows = [
        (row["sampler"], row["steps"], f"{row['guidance']:g}", f"{row[distance]:.3f}",
         f"{row['contrast_named_right']:.1%}", f"{row['cpu_seconds_per_picture']:.3f}")
        for row in found["rows"]
    ]  # fmt: skip
    floor = found["rows"][0]["floor_people"]
    return (
        f"{found['pictures_each']} pictures each against {found['real_slices']} slices of {found['people']} unseen "
        f"phantom people (real against real at these counts: {floor:.3f}), `{found['model']}`, {_where(found)}.\n\n"
        + _table(("sampler", "steps", "guidance", distance, "contrast right", "CPU s a picture"), rows)
    )


def real(found: dict[str, Any]) -> str:
    """Return reconstruction and memorisation on real slices."""
    vae, near = found["vae"], found["nearest_neighbours"]
    rows = [
        (name, f"{vae[key]['ms_ssim']:.4f}", f"{vae[key]['ms_ssim_brain']:.4f}", vae[key]["people"], vae[key]["slices"])
        for name, key in (("held-out people", "held_out"), ("training people", "training"))
    ]
    nearest = [
        (name, near[key]["n"], *(f"{near[key][one]:.1f}" for one in ("least", "p05", "median", "p95")))
        for name, key in (
            ("drawn by the LDM", "drawn"),
            ("real slices of unseen people", "unseen_people"),
            ("the same through the VAE", "unseen_people_through_the_vae"),
        )
    ]
    return (
        f"VAE {vae['channels']}, {vae['size']}² → {vae['latent']}, {vae['steps']} steps of {vae['batch']} "
        f"({vae['cpu_seconds']:.0f} CPU s). The paper: {vae['paper_ms_ssim_test']} on its own test slices. Not "
        f"measured: {found['not_measured']}.\n\n"
        + _table(("slices of", "MS-SSIM, whole", "MS-SSIM, brain", "people", "slices"), rows)
        + f"\n\nRoot mean square grey difference (0 to 255) to the nearest of {near['training_slices']} training "
        f"slices, `tiny` on 64², {near['ldm_steps']} steps, {_where(found)}:\n\n"
        + _table(("pictures", "n", "least", "5 %", "median", "95 %"), nearest)
    )


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    function.__name__: function for function in (speed, gpu_tiny_cpu, memory, contrast, volume, samplers, real)
}


def _where(found: dict[str, Any]) -> str:
    return f"2 cores, CPU only, {found['date']}"


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def main() -> None:
    """Write each table whose JSON is there."""
    path = FOLDER / "README.md"

    def filled(match: re.Match[str]) -> str:
        source = FOLDER / f"{match[2]}.json"
        text = "Not run yet."
        if source.exists():
            text = TABLES[match[2]](json.loads(source.read_text(encoding="utf-8")))
        return f"{match[1]}{text}\n{match[3]}"

    path.write_text(MARKED.sub(filled, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
