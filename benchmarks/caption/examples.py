"""An OUT of `brain caption tabulate` in, a Markdown table of example captions out: two a wording, then some in French.

brain atlas phantom --out SCRATCH/phantom --subjects 3 --seed 1
brain caption tabulate SCRATCH/phantom --out SCRATCH/out
python benchmarks/caption/examples.py SCRATCH/out docs/captions.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.captions import Captioner, CaptionSettings
from braincaption.lut import load_lut
from braincaption.wording import load_wordings

MARK = "<!-- examples: written by benchmarks/caption/examples.py -->"
# Slices with this many structures read well aloud; the first example of a wording has few, the second more.
FEW, MORE = range(1, 4), range(4, 7)


def main() -> None:
    """Replace what follows the mark in the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("document", type=Path)
    arguments = parser.parse_args()
    slices = pq.read_table(arguments.out / "slices")
    lut = load_lut(arguments.out / "lut.tsv")
    text = arguments.document.read_text(encoding="utf-8")
    kept = text[: text.index(MARK) + len(MARK)]
    tables = [table(slices, Captioner(lut, CaptionSettings(language=code)), code) for code in ("en", "fr")]
    arguments.document.write_text(kept + "\n\n" + "\n".join(tables), encoding="utf-8")


def table(slices: pa.Table, captioner: Captioner, language: str) -> str:
    """Return the Markdown table of one language."""
    captions = captioner.captions(slices)
    rows = list(zip(captions["template"].to_pylist(), captions["caption"].to_pylist(), _sizes(slices), strict=True))
    lines = [f"## {'English' if language == 'en' else 'French'}", "", "| wording | caption |", "| --- | --- |"]
    for number, wording in enumerate(load_wordings(language)):
        for wanted in (FEW, MORE):
            found = [text for template, text, size in rows if template == wording.number and size in wanted]
            lines.append(f"| {wording.name} | {found[(7 * number) % len(found)]} |")
    return "\n".join(lines) + "\n"


def _sizes(slices: pa.Table) -> list[int]:
    return [len(found) for found in slices["structures"].to_pylist()]


if __name__ == "__main__":
    main()
