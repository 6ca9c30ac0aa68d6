"""The JSON files beside this script in, the tables of README.md out: no figure is copied by hand.

python benchmarks/eval/tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN = "<!-- tables.py writes what follows -->"


def main() -> None:
    """Write the tables of every JSON that is there."""
    readme = HERE / "README.md"
    head = readme.read_text(encoding="utf-8").split(BEGIN)[0]
    parts = [make(json.loads((HERE / name).read_text(encoding="utf-8"))) for name, make in TABLES.items()]
    readme.write_text(head + BEGIN + "\n\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


def table(header: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def adherence(record: dict[str, Any]) -> str:
    """Structure presence on people the judges have not seen."""
    rows = []
    for row in record["rows"]:
        volumes = row.get("volumes", {})
        cells = [row["f1_unseen_people"], row["f1_exchanged"], row["falls_by"], row.get("dice_unseen_people")]
        rows.append([row["judge"], row["seed"], row["slices"], *cells, volumes.get("pearson"), volumes.get("icc")])
    return "\n\n".join(
        [
            f"**Caption adherence** on the {', '.join(record['planes'])} slices of real people whom the judge has not "
            f"seen (`{record['slices']}`, {record['people']} people, three divisions of them; captions exchanged "
            f"within a plane and 6 mm). {_machine(record)}",
            table(
                ["judge", "seed", "slices", "F1", "F1 exchanged", "falls by", "Dice", "volumes: r", "volumes: ICC"],
                rows,
            ),
        ]
    )


def sensitivity(record: dict[str, Any]) -> str:
    """Which metric notices what, from which strength on, and in which order."""
    named = list(record["rows"][0]["values"])
    names = list(dict.fromkeys(row["spoilt"] for row in record["rows"] if row["strength"]))
    weakest, order = [], []
    for name in names:
        found = [row for row in record["rows"] if row["spoilt"] == name]
        seen = {metric: [row["strength"] for row in found if metric in row["noticed"]] for metric in named}
        weakest.append([name, *(seen[metric][0] if seen[metric] else None for metric in named)])
        ranked = dict.fromkeys(metric for row in found for metric in row["noticed"])
        order.append([name, ", ".join(ranked) or "nobody"])
    return "\n\n".join(
        [
            f"**Sensitivity**: the weakest of three strengths at which each metric notices; {record['real'][0]} real "
            f"slices of {record['real'][1]} phantom people, {record['generated'][0]} of {record['generated'][1]} "
            f"others. {_machine(record)}",
            table(["spoilt by", *named], weakest),
            "In this order, by the weakest strength noticed and there by how far the interval lies beyond:",
            table(["spoilt by", "noticed by"], order),
        ]
    )


def floors(record: dict[str, Any]) -> str:
    """Distances between people of one kind by their number."""
    rows = [
        [
            row["people_a_side"],
            ", ".join(map(str, row["slices"])),
            row["frechet-built-in"],
            row["frechet-infinite-built-in"],
            f"{row['interval'][0]} to {row['interval'][1]}",
            "yes" if row["holds_zero"] else "no",
            row["kernel-built-in"],
        ]
        for row in record["phantom"]
    ]
    real = [
        [
            row["real_people"],
            ", ".join(map(str, row["floor"]["n"])),
            *(round(row["floor"][k], 4) for k in ("halves", "people")),
        ]
        for row in record["real"]
    ]
    header = ["people a side", "slices", "Fréchet", "extrapolated", "95 %", "holds zero", "kernel"]
    return "\n\n".join(
        [
            f"**Floors** between phantom people of two seeds, whose true distance is zero. {_machine(record)}",
            table(header, rows),
            "Floors of the built-in Fréchet distance between real people, as they are:",
            table(["people", "slices a side", "halves", "disjoint people"], real),
        ]
    )


def memorisation(record: dict[str, Any]) -> str:
    """Planted copies found, and who is accused wrongly."""
    keys = (
        "slices",
        "people",
        "training_slices",
        "copies",
        "planted",
        "judged",
        "recall",
        "false_positive_rate",
        "threshold",
    )
    header = [
        "slices",
        "people",
        "training slices",
        "copies",
        "planted",
        "judged",
        "recall",
        "false positives",
        "threshold",
    ]
    rows = [[row[key] for key in keys] for row in record["rows"]]
    return f"**Memorisation**: 150 planted copies of each kind. {_machine(record)}\n\n" + table(header, rows)


def speed(record: dict[str, Any]) -> str:
    """Fréchet distance of given features."""
    rows = [[row[key] for key in ("way", "seconds", "cpu_seconds", "extra_mib", "value")] for row in record["rows"]]
    header = ["way", "seconds", "CPU seconds", "peak memory beyond the features, MiB", "value"]
    return f"**Speed**: `{record['command']}`. {_machine(record)}\n\n" + table(header, rows)


def gain(record: dict[str, Any]) -> str:
    """Few-shot gain of good, soft and mislabelled slices."""
    keys = ("generated", "without", "synthetic", "interval", "augmented", "real")
    header = ["generated", "accuracy without", "gain", "95 %", "control: augmented copies", "other real slices"]
    rows = [[" to ".join(map(str, row[k])) if k == "interval" else row[k] for k in keys] for row in record["rows"]]
    bounds = [
        [one["metric"], *(round(x, 4) for x in (one["value"], one["floor"]["halves"], one["floor"]["people"]))]
        for one in record["contrasts"]
    ]
    return "\n\n".join(
        [
            f"**Few-shot gain**, 20 paired draws. {_machine(record)}",
            table(header, rows),
            "Contrasts of one place in other phantom people, between both bounds:",
            table(["metric", "value", "upper bound", "lower bound"], bounds),
        ]
    )


def _machine(record: dict[str, Any]) -> str:
    return f"({record['machine']}, {record['date']})"


def _cell(value: object) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


TABLES = {
    "adherence.json": adherence,
    "sensitivity.json": sensitivity,
    "floors.json": floors,
    "memorisation.json": memorisation,
    "gain.json": gain,
    "speed.json": speed,
}


if __name__ == "__main__":
    main()
