"""An output folder in, the whole flow on a synthetic cohort out: each command printed as it runs, then index.html.

Run it with `nox -s demo`, or `python examples/demo.py demo` where the four packages are installed. Killed half-way, the
same command goes on where it was.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from demo_page import reconstruct, write_page

from braincaption.atomic import atomic_path
from braincaption.slicefolder import read_slices

GENERATED = 16
SIZE = 64  # pixels a side; the tiny phantom has about 64 voxels along each axis
SEED = 1
# Slices with little brain on them teach little, and a tighter field of view spends the 64 pixels on the brain.
DRAWN = ("--fov", 192, "--least", 0.2, "--count", 2400)
ran: list[str] = []


def main(out: Path) -> None:
    """Walk from two phantom cohorts to a page that shows what came out."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    label(out)
    describe(out)
    open_dataset(out)
    train(out)
    reconstruct(out / "slices", out / "vae", out / "reconstructions")
    print("\nScoring, for the page …", flush=True)
    page = write_page(out, ran, time.monotonic() - started, SEED)
    print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes. Open {page} in a browser.")


def label(out: Path) -> None:
    """Make 4 labelled and 4 unlabelled people, and carry the labels over."""
    brain("atlas", "phantom", "--out", out / "atlas", "--subjects", 4, "--size", "tiny", "--seed", SEED)
    brain("atlas", "phantom", "--out", out / "cohort", "--subjects", 4, "--size", "tiny", "--seed", SEED + 1)
    brain("atlas", "index", out / "cohort")
    brain("atlas", "register", out / "atlas", out / "cohort", "--out", out / "labelled", "--workers", 2)
    brain("atlas", "vote", out / "labelled")
    brain("atlas", "expand", out / "labelled")
    brain("atlas", "report", out / "labelled", "--truth", out / "cohort")


def describe(out: Path) -> None:
    """Count structures on every slice, write the captions, draw the slices, make the dataset."""
    brain("caption", "tabulate", out / "labelled" / "catalog.parquet", "--out", out / "captions")
    brain("caption", "write", out / "captions", "--seed", SEED)
    brain("caption", "render", out / "captions", "--out", out / "slices", "--size", SIZE, *DRAWN)
    brain("caption", "dataset", out / "captions", "--out", out / "dataset", "--configs", "text")


def open_dataset(out: Path) -> None:
    """Open the dataset as anyone would, and print a row of it."""
    import datasets

    print('\n>>> datasets.load_dataset("dataset", "text")', flush=True)
    opened = datasets.load_dataset(str(out / "dataset"), "text", cache_dir=str(out / "cache"))
    print(", ".join(f"{split}: {len(rows):,} slices" for split, rows in opened.items()))
    print(opened["train"][0]["caption"], flush=True)


def train(out: Path) -> None:
    """Train the VAE and the diffusion model on slices of training people, and draw captions of other people."""
    brain("ldm", "train-vae", out / "slices", "--out", out / "vae", "--config", "tiny")
    brain("ldm", "encode", out / "slices", out / "vae", "--out", out / "latents", "--text", "built-in")
    brain("ldm", "train-ldm", out / "latents", "--out", out / "model", "--config", "tiny")
    prompts = out / "prompts.parquet"
    unseen_captions(out / "slices", prompts)
    brain("ldm", "generate", prompts, "--model", out / "model", "--out", out / "generated", "--seed", SEED)


def unseen_captions(slices: Path, prompts: Path) -> None:
    """Write captions of people whom no model was trained on, the contrasts in turn; no other selection.

    The order within a contrast is that of the PNG names, which are hashes of the slice keys.
    """
    table = read_slices(slices).table
    held_out = table[table["split"] == "test"].sort_values("file_name")
    turn = held_out.groupby("sequence").cumcount()
    chosen = held_out.assign(turn=turn).sort_values(["turn", "sequence"]).head(GENERATED)
    if len(chosen) < GENERATED:
        raise SystemExit(f"{len(chosen)} captions of unseen people in {slices}, wanted {GENERATED}")
    with atomic_path(prompts) as aside:
        pd.DataFrame(chosen.drop(columns="turn")).to_parquet(aside, index=False)


def brain(*arguments: object) -> None:
    """Print a `brain` command, then run it."""
    command = ["brain", *map(str, arguments)]
    ran.append(shlex.join(command))
    print(f"\n$ {ran[-1]}", flush=True)
    began = time.monotonic()
    subprocess.run([str(Path(sys.executable).with_name("brain")), *command[1:]], check=True)
    print(f"  {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from None
