"""The JSON files of this folder in, the tables of its README.md out, between the markers: no figure is typed by hand.

python benchmarks/zoo/tables.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MARKED = re.compile(r"(<!-- table (\w+) of (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
Found = dict[str, Any]


def edges(found: Found) -> str:
    """Return Controllable's edges by tolerance."""
    near, nearer = (found["edges"][f"tolerance {pixels} px"] for pixels in (2, 1))
    interval = "gain, 95 % interval over people"
    rows = [
        *((name, *(f"{one[name]:.3f}" for one in (near, nearer))) for name in ("own mask", "masks of other people")),
        ("gain", *(f"**{one['gain']:.3f}** ({_interval(one[interval], 3)})" for one in (near, nearer))),
        *((name, *(f"{one[name]:.3f}" for one in (near, nearer))) for name in
          ("bound: real slices through the VAE", "floor: the base from text alone")),
    ]  # fmt: skip
    asked = found["contrast accuracy, mask of the same contrast"]
    shared = found["one mask, one seed, every contrast"]["contrast accuracy"]
    gains = ", ".join(f"{name} {gain:.3f}" for name, gain in near["gain by contrast"].items())
    return (
        _table(("", "2 px", "1 px"), rows)
        + f"\n\nWanted: a gain of {found['targets']['gain']} at 2 px: {_reached(near)}. By contrast: {gains}.\n\n"
        f"Contrast asked for: **{asked['value']:.1%}** ({_percent(asked['ci95'])}; wanted "
        f"{found['targets']['contrast accuracy']:.0%}: {_reached(asked)}) of {found['drawn']} slices, and "
        f"{shared['value']:.1%} where one mask and one seed serve all three contrasts; the judge is right on "
        f"{asked['of real slices of people not trained on']:.1%} of real slices of people it has not seen.\n\n"
        + _seconds(found, "training")
    )


def between(found: Found) -> str:
    """Return how alike Controllable's contrasts of one mask and one seed are."""
    both = found["one mask, one seed, every contrast"]
    rows = [(name, *(f"{both[name][key]:.3f}" for key in ("drawn", "real pairs", "random pairs")))
            for name in ("SSIM", "NMI", "NCC")]  # fmt: skip
    head = ("between contrasts of one mask and seed", "drawn", "real slices of one place", "real slices at random")
    return _table(head, rows)


def fields(found: Found) -> str:
    """Return SD-MRI's contrasts and field strengths."""
    rows = []
    for name in ("contrast", "field strength"):
        one = found[name]
        after, before = one["after"], one["before"]
        rows.append((
            name, f"**{after['value']:.1%}** ({_percent(after['ci95 over people'])})", f"{before['value']:.1%}",
            f"{before['of what it had not']:.1%}", f"{one['chance']:.1%}",
            f"{one['bound: real slices through the VAE']['value']:.1%}",
            f"{one['judge on real slices of unseen people']:.1%}",
        ))  # fmt: skip
    head = ("asked and seen", "after (95 % interval)", "before, all", "before, what it had not seen", "chance",
            "bound: real slices through the VAE", "judge on unseen real people")  # fmt: skip
    reached = " and ".join(f"{name} {_reached(found[name])}" for name in ("contrast", "field strength"))
    weak = [f"{name} of {group} ({share:.1%})" for name in ("contrast", "field strength")
            for group, share in found[name]["after"]["by group"].items() if share < 1]  # fmt: skip
    shot = found["few-shot contrast gain at 0.35 T, never seen by the generator"]
    low, high = shot["ci95"]
    return (
        _table(head, rows)
        + f"\n\nWanted: 90 %: {reached}. Groups not seen as asked in every slice: {', '.join(weak) or 'none'}.\n\n"
        f"Few-shot contrast gain at 0.35 T, by slices drawn at 0.3 T: **{100 * shot['gain']:+.1f} points** "
        f"({100 * low:.1f} to {100 * high:.1f}), from {shot['accuracy without']:.1%} with one real slice a contrast. "
        f"Control, as many augmented copies: {100 * shot['control: as many augmented copies']:+.1f}; as many other "
        f"real slices: {100 * shot['as many other real slices']:+.1f}.\n\n"
        + _table(("field", "score", "drawn", "real, halves", "real, people"), _distances(found))
        + "\n\n"
        + _seconds(found, "training")
    )


def scans(found: Found) -> str:
    """Return SD-MRI on real scans."""
    one = found["real scans"]
    steps = one["steps from the phantom's model"]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in one["by contrast"].items())
    return (
        f"{one['people']} people, {one['people with T2w or FLAIR']} of them with T2w or FLAIR; "
        f"{steps} more steps on {one['slices']['train']} slices, "
        f"{one['slices']['test']} asked for: the contrast asked for comes out in {shares}; the judge is right on "
        f"{one['judge on slices of people it has not seen']:.0%} of real slices of people it has not seen. Field "
        f"strength: {one['field strength accuracy']}. {_where(found)}."
    )


def _distances(found: Found) -> list[tuple[str, ...]]:
    return [
        (field, name, f"{one['value']:.3f}", *(f"{one['real against real'][key]:.3f}" for key in ("halves", "people")))
        for field, scores in found["by field strength"].items()
        for name, one in scores.items()
    ]


def tasks(found: Found) -> str:
    """Return what TUMSyn was asked for, with targets."""
    rows = [_contrast(name, one) for name, one in found["contrasts"].items() if isinstance(one, dict)]
    fine, echo, named = found["1.5 times finer grid"], found["echo times"], found["retrieval"]
    gain = fine["gain against the phantom, brain"]
    rows.append((
        "2 mm asked of 3 mm", f"{fine['PSNR at 2 mm, brain']['mean']:.1f} dB, upsampled "
        f"{fine['PSNR upsampled, brain']['mean']:.1f}: gain {_mean(gain)}", fine["target"], _reached(fine),
    ))  # fmt: skip
    made, true = (", ".join(f"{ratio:.2f}" for ratio in echo[key]) for key in
                  ("ratio of made volumes, mean over people", "ratio of the phantom there"))  # fmt: skip
    times = ", ".join(f"{time:g}" for time in echo["asked, ms"])
    rows.append((f"fluid over white matter at TE {times} ms", f"{made} (phantom: {true}); Spearman of 0.9 in "
                 f"{echo['people who reach it']:.0%} of people", echo["target"], _reached(echo)))  # fmt: skip
    ten, three = named["prompt among 10"], named["contrast"]
    rows.append(("prompt among 10", f"**{ten['top-1']:.2f}** ({_interval(ten['ci95'], 2)}), chance 0.10",
                 named["target"], _reached(named)))  # fmt: skip
    rows.append(("contrast among 3", f"{three['top-1']:.2f} ({_interval(three['ci95'], 2)}), chance 0.33", "", ""))
    fluid, soft, new = found["volume of fluid"], found["degraded inputs"], found["a protocol never trained on"]
    rows.append(("volume of fluid by a threshold in made and acquired T2w", f"{fluid['mean, ml']['made']:.0f} and "
                 f"{fluid['mean, ml']['acquired']:.0f} ml, ICC {fluid['ICC(2,1)']:.2f} (of the inverted T1w "
                 f"{fluid['ICC(2,1) of the inverted T1w']:.2f})", "", ""))  # fmt: skip
    for way in ("blurred", "averaged"):
        said = ", ".join(f"{key.removeprefix(way + ' by ')}: {soft[key]:.1f}" for key in soft if key.startswith(way))
        rows.append((f"T2w of {soft['people']} people from T1w {way} by", f"{said} (dB)", "", ""))
    rows.append((f"never trained on: {new['protocol']}", f"{new['PSNR brain']:.1f} dB, copy "
                 f"{new['copy: PSNR brain']:.1f}: gain {_mean(new['gain in the brain, dB'])}", "", ""))  # fmt: skip
    people = found["people"]
    return (
        f"{people['trained on']} people trained on, {people['scored']} others scored.\n\n"
        + _table(("question", "figure", "target", ""), rows)
        + "\n\n"
        + _seconds(found, "training built-in")
    )


def _contrast(name: str, one: Found) -> tuple[str, ...]:
    gain, even = one["gain in the brain, dB"], one[
        "gain in the brain, over a copy of the source without its bias field, dB"]  # fmt: skip
    bound = one["gain of the best curve, fitted to the answer, dB"]["of the source without noise and bias"]
    aimed = name.startswith("T1w")
    return (
        name.replace("echo2_", ""),
        f"{one['PSNR brain']:.1f} dB, best linear copy {one['copy: PSNR brain']:.1f}: gain **{_mean(gain)}**; over a "
        f"copy of the source without its bias field {_mean(even)}; SSIM {one['SSIM brain']:.2f}, copy "
        f"{one['copy: SSIM brain']:.2f}; best curve of the flawless source {bound['mean']:.1f}",
        "gain of 3 dB" if aimed else "",
        _reached(one) if aimed else "",
    )


def text(found: Found) -> str:
    """Return sentences against one-hot text."""
    names = {"echo1_T2w": "T2w, TE 40 to 80 ms", "echo2_T2w": "T2w, TE 80 to 120 ms",
             "echo3_T2w": "T2w, TE 120 to 160 ms", "FLAIR": "FLAIR"}  # fmt: skip
    both = found["text"]
    rows = [(said, *(_mean(both[one][key]) for one in ("built-in", "one-hot"))) for key, said in names.items()]
    return _table(("asked for", "sentence", "one-hot"), rows)


def volumes(found: Found) -> str:
    """Return ways of making volumes, slice by slice."""
    ways = found["scores"]
    names = {"psnr": "PSNR, slices", "ssim-brain": "SSIM in the brain", "ms-ssim": "MS-SSIM",
             "frechet-built-in": "Fréchet distance, built-in extractor"}  # fmt: skip
    rows = []
    for key, said in names.items():
        digits = 1 if key == "psnr" else 3
        cells = [f"{one[key]['value']:.{digits}f} ({_interval(one[key]['ci95'], digits)})" for one in ways.values()]
        rows.append((said, *cells, f"{ways['tumsyn'][key]['floor']['halves']:.{digits}f}"))
    return f"{found['people']} people, {_where(found)}.\n\n" + _table(("", *ways, "real halves"), rows)


def real(found: Found) -> str:
    """Return TUMSyn on real scans."""
    rows = [
        (name, f"{one['PSNR']:.1f} dB, copy {one['copy: PSNR']:.1f}",
         f"{one['SSIM']:.2f}, copy {one['copy: SSIM']:.2f}")
        for name, one in found.items() if isinstance(one, dict) and "PSNR" in one
    ]  # fmt: skip
    people = found["people"]
    return (
        f"{found['steps']['stage 2']} steps, learned from {', '.join(people['trained on'])}, scored on "
        f"{people['scored']}, {_where(found)}.\n\n" + _table(("", "PSNR in the brain", "SSIM in the brain"), rows)
    )


def optimizer(found: Found) -> str:
    """Return a step of Muon, ours and torch's."""
    took = found["ms a step, median"]
    least, most = min(found["times faster, each round"]), max(found["times faster, each round"])
    return (
        f"{found['matrices']} matrices of {found['shapes']} shapes, one thread: {took['ours']:.1f} ms ours, "
        f"{took['torch']:.1f} ms torch's, **{found['times faster']:.1f} times** "
        f"({least:.1f} to {most:.1f}), {_where(found)}."
    )


TABLES: dict[str, Callable[[Found], str]] = {
    function.__name__: function for function in (edges, between, fields, scans, tasks, text, volumes, real, optimizer)
}


def _mean(one: Found) -> str:
    return f"{one['mean']:.1f} ({_interval(one['ci95'], 1)})"


def _interval(bounds: list[float] | None, digits: int) -> str:
    return "no interval" if bounds is None else f"{bounds[0]:.{digits}f} to {bounds[1]:.{digits}f}"


def _percent(bounds: list[float] | None) -> str:
    return "no interval" if bounds is None else f"{bounds[0]:.1%} to {bounds[1]:.1%}"


def _reached(one: Found) -> str:
    return "reached" if one["reached"] else "**missed**"


def _seconds(found: Found, part: str) -> str:
    spent = found["seconds"][part]
    return (
        f"Training took **{spent['wall']} seconds** ({spent['cpu']} CPU seconds; wanted 600: "
        f"{'reached' if spent['wall'] < 600 else '**missed**'}), {_where(found)}."
    )


def _where(found: Found) -> str:
    return f"{found['machine']}, {found['date']}"


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def main() -> None:
    """Write each table whose JSON is there."""
    path = FOLDER / "README.md"

    def filled(match: re.Match[str]) -> str:
        source = FOLDER / f"{match[3]}.json"
        said = "Not run yet."
        if source.exists():
            said = TABLES[match[2]](json.loads(source.read_text(encoding="utf-8")))
        return f"{match[1]}{said}\n{match[4]}"

    path.write_text(MARKED.sub(filled, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
