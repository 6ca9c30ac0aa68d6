"""Systems of the zoo in, one report out: trained on the same phantom slices, asked for the same slices of other people.

    python benchmarks/zoo/compare.py [--work FOLDER] [--threads N] [--model NAME=FOLDER] [--without NAME] [--out OUT]

dalle-brain, controllable and sd-mri draw the same held-out slices, each from what it takes: a caption, a caption and
the slice's edges, or contrast and field strength. WORK/report/report.html is the page of `brain eval report REAL
dalle-brain=DIR controllable=DIR sd-mri=DIR`, with what each system takes and what it cannot do before the scores. A
model that is given is taken, any other is trained at size tiny. Killed, the same command with the same --work goes on.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from accept_controllable import MIDDLES, SEED, TARGET_GAIN, Lines, chosen_rows, gains
from brain_command import THREADS, brain, train
from controllable_slices import phantom_slices
from spent import Spent

from braincaption.slicefolder import write_slices
from braineval.report import Section, Table, build
from braineval.report.markdown import number
from braineval.resample import mean_interval
from braineval.slices import open_slices
from brainldm.controllable.canny import canny
from brainldm.slices import Slices, load_slices

SYSTEMS = ("dalle-brain", "controllable", "sd-mri")
METRICS = (
    "contrast-accuracy", "frechet", "kernel", "precision", "recall", "ssim", "ssim-diversity", "memorisation",
    "ssim-contrasts", "nmi-contrasts", "ncc-contrasts",
)  # fmt: skip
DRAWS = 10_000
CAN = Table(
    header=("system", "is given here", "cannot"),
    rows=(
        ("dalle-brain", "the whole caption", "follow a mask: its anatomy is one that fits the caption"),
        ("controllable", "the whole caption and the edges of the slice itself", "ask for a field strength on its own"),
        (
            "sd-mri",
            "plane, contrast and field strength",
            "be told position, age or structures: any place of the brain may come out; follow a mask",
        ),
        (
            "tumsyn",
            "nothing: not in this report",
            "draw from text alone: it turns an acquired volume into another contrast. accept_tumsyn.py compares it, "
            "volume by volume, with copying and with one-hot text",
        ),
    ),
)


def main() -> None:
    """Train what is not given, draw, report, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--threads", type=int, default=THREADS, help="of training; 1 where other work runs beside it")
    parser.add_argument("--model", action="append", default=[], help="NAME=FOLDER of a trained model; may be repeated")
    parser.add_argument("--without", action="append", default=[], choices=SYSTEMS, help="leave a system out")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("compare.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        spent = Spent(work)
        slices = phantom_slices(work, given.people)
        models = {name: Path(folder) for name, folder in (text.split("=", 1) for text in given.model)}
        systems = [name for name in SYSTEMS if name not in given.without]
        for name in systems:
            if name not in models:
                models[name] = trained(name, slices, work, given.threads, spent)
        held, test, rows = held_out(slices, work)
        folders = {name: drawn(name, models[name], held, work) for name in systems}
        structure = {name: structure_of(folder, test, rows) for name, folder in folders.items()}
        with spent.part("report", work / "report" / "report.json"):
            page = build(slices, folders, work / "report", chosen=METRICS, title=f"Text to slice: {', '.join(systems)}",
                         before=[section(structure, given.without)])  # fmt: skip
        scores = json.loads((work / "report" / "report.json").read_text(encoding="utf-8"))
        seconds = spent.seconds
    record = {
        "command": f"python benchmarks/zoo/compare.py --people {given.people}"
        + "".join(f" --model {text.split('=', 1)[0]}=FOLDER" for text in given.model),
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "seconds": seconds,
        "drawn": len(rows),
        "structure": structure,
        "scores": {name: scored(found) for name, found in scores.items()},
        "cannot": {row[0]: row[2] for row in CAN.rows},
        "left out of this run": given.without,
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(page)


def trained(name: str, slices: Path, work: Path, threads: int, spent: Spent) -> Path:
    """Return the model folder of a system, trained at size tiny where it is not yet."""
    out = work / "models" / name
    train(spent, f"training {name}", name, slices, out, "--config", "tiny", "--seed", SEED, "--threads", threads)
    return out


def held_out(slices: Path, work: Path) -> tuple[Path, Slices, list[int]]:
    """Return a slice folder of the slices of test people that are asked for, all test slices, and which those are."""
    test = load_slices(slices, "test", 4)
    rows = chosen_rows(test.table, MIDDLES)
    table = test.table.drop(columns="file_name")
    facts = [{str(key): value for key, value in table.loc[row].dropna().to_dict().items()} for row in rows]
    write_slices(work / "held", zip(facts, test.pictures[rows], strict=True))
    return work / "held", test, rows


def drawn(name: str, model: Path, held: Path, work: Path) -> Path:
    """Return the folder of what a system draws for the held-out slices."""
    out = work / "drawn" / name
    mask = ("--mask", "table") if name == "controllable" else ()
    brain("ldm", "generate", held / "metadata.parquet", "--model", model, "--out", out, "--seed", SEED, *mask)
    return out


def structure_of(folder: Path, test: Slices, rows: list[int]) -> dict[str, Any]:
    """Return how much nearer the drawn edges are to those of the slice asked for than to other people's there."""
    found = open_slices(folder)
    places = {key: i for i, key in enumerate(zip(found.column("volume_id"), found.column("index"), strict=True))}
    keys = zip(test.table.loc[rows, "volume_id"], test.table.loc[rows, "index"], strict=True)
    pictures = found.images([places[key] for key in keys])
    edges: Lines = np.stack([canny(picture) for picture in test.pictures])
    gain: npt.NDArray[np.float64] = np.subtract(*gains(test.table, rows, edges, pictures, 2.0))
    units = np.unique(test.table.loc[rows, "person"], return_inverse=True)[1]
    interval = mean_interval(gain, units, DRAWS, np.random.default_rng(SEED))
    return {"gain": round(float(gain.mean()), 4), "ci95": None if interval is None else [round(x, 4) for x in interval]}


def section(structure: dict[str, dict[str, Any]], without: list[str]) -> Section:
    """Return what each system takes, what it cannot do, and how its slices follow the anatomy asked for."""
    rows = tuple(
        (name, number(found["gain"]), "–" if found["ci95"] is None else " to ".join(map(number, found["ci95"])))
        for name, found in structure.items()
    )
    followed = Table(header=("system", "edges: own minus other people's (Dice, 2 pixels)", "95 %"), rows=rows)
    return Section(
        title="What each system is given, and what it cannot do",
        lead=(
            "The same slices of people not trained on are asked for. Only controllable sees their edges, so only it can"
            f" be asked to follow them (target {TARGET_GAIN:g}); the others show what text alone gives. Metrics of "
            "slice pairs (ssim) compare with the person's own slice, which text does not determine."
            + (f" Left out of this run: {', '.join(without)}." if without else "")
        ),
        tables=(CAN, followed),
    )


def scored(found: dict[str, Any]) -> dict[str, Any]:
    """Return value, interval and floors of each metric, and what is not defined and why."""
    kept = {
        one["metric"]: {"value": one["value"], "ci95": one["ci95"], "floor": one["floor"]} for one in found["scores"]
    }
    return kept | {"not defined": {one["metric"]: one["because"] for one in found["not_defined"]}}


if __name__ == "__main__":
    main()
