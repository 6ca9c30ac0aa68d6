"""One run on the same volumes: counting against pandas, captions against a bare f-string loop (JSON out).

    python benchmarks/caption/compare.py LABELS --out SCRATCH --record benchmarks/caption/compare.json

Times are processor seconds of one thread, best of three, so that other work on the machine does not show.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from moved_people import moved_catalog
from scipy.ndimage import affine_transform
from word_pieces import train_word_pieces

from braincaption.captions import Captioner, CaptionSettings
from braincaption.counting import compact, count_slices
from braincaption.lut import load_lut
from braincaption.nifti import load_labels
from braincaption.sources import Selection, open_source
from braincaption.tabulate import count_volume, square, volume_table

VOLUMES = (0, 7, 13, 19)  # rows of the catalog: one space of each cohort's kind


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    maps = sorted(arguments.labels.rglob("*_dseg.nii.gz"))
    catalog = open_source(moved_catalog(maps, 20, arguments.out), Selection()).catalog
    figures = {**_counting(catalog), **_captions(catalog, maps[0], arguments.out)}
    figures |= {
        "command": "python benchmarks/caption/compare.py LABELS --out SCRATCH",
        "source": "12 real OASIS-TRT label maps moved by random affines, cortical parcels merged",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread used",
        "date": date.today().isoformat(),
    }
    shutil.rmtree(arguments.out)
    print(json.dumps(figures, indent=2))
    if arguments.record:
        arguments.record.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _best(work: Callable[[], object], times: int = 3) -> float:
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def _counting(catalog) -> dict[str, float]:  # type: ignore[no-untyped-def]
    relabel = np.arange(65536, dtype=np.uint16)
    for parcel, whole in load_lut("freesurfer").merging().items():
        relabel[parcel] = whole
    ours = slices = 0.0
    usual = dict.fromkeys(USUAL, 0.0)
    for number in VOLUMES:
        row = catalog.table.slice(number, 1).to_pylist()[0]
        volume = load_labels(catalog.path(row["label_path"]))
        labels = compact(volume, relabel)
        count_volume(row, labels, all_slices=True)
        ours += _best(lambda row=row, labels=labels: count_volume(row, labels, all_slices=True))  # type: ignore[misc]
        merged = relabel[volume.data]
        for name, way in USUAL.items():
            work = lambda row=row, merged=merged, v=volume, way=way: _usual(row, merged, v.affine, way)  # noqa: E731
            usual[name] += _best(work, 1)
        slices += sum(row["shape"])
        _check(row, labels, merged, volume.affine)
    return {
        "counting_ms_per_volume": round(ours / len(VOLUMES) * 1e3, 2),
        "counting_slices_per_s": round(slices / ours),
        "usual_slices_per_s": {name: round(slices / spent, 1) for name, spent in usual.items()},
        "counting_times_usual": {name: round(spent / ours, 1) for name, spent in usual.items()},
    }


def _seen(row, data, affine):  # type: ignore[no-untyped-def]
    transform = np.linalg.inv(affine) @ square(row["matrix"]) @ square(row["space_affine"])
    return affine_transform(data, transform[:3, :3], transform[:3, 3], output_shape=tuple(row["shape"]), order=0)


def _usual(row, data, affine, way) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """The usual way: resample with SciPy, then count slice by slice."""
    seen = _seen(row, data, affine)
    mm3 = abs(np.linalg.det(square(row["space_affine"])[:3, :3]))
    tables = []
    for axis in range(3):
        for index in range(seen.shape[axis]):
            labels, counts = way(seen.take(index, axis=axis))
            tables.append(pd.DataFrame({"axis": axis, "index": index, "label": labels, "mm3": counts * mm3}))
    return pd.concat(tables)


def _described(plane):  # type: ignore[no-untyped-def]
    """A table a slice with the names beside the counts, as notebooks do it."""
    labels, counts = np.unique(plane, return_counts=True)
    found = pd.DataFrame({"label": labels, "voxels": counts})
    found = found[found["label"] != 0].merge(NAMES, on="label", how="left").sort_values("voxels", ascending=False)
    return found["label"].to_numpy(), found["voxels"].to_numpy()


def _value_counts(plane):  # type: ignore[no-untyped-def]
    counts = pd.Series(plane.ravel()).value_counts()
    counts = counts[counts.index != 0]
    return counts.index.to_numpy(), counts.to_numpy()


def _unique(plane):  # type: ignore[no-untyped-def]
    labels, counts = np.unique(plane, return_counts=True)
    return labels[labels != 0], counts[labels != 0]


def _unique_and_masks(plane):  # type: ignore[no-untyped-def]
    labels = np.unique(plane)
    labels = labels[labels != 0]
    return labels, np.array([(plane == label).sum() for label in labels], dtype=np.int64)


NAMES = pd.DataFrame([(label, load_lut("freesurfer").phrase(label)) for label in range(256)], columns=["label", "name"])
USUAL = {
    "pandas, unique per slice joined with names": _described,
    "pandas value_counts": _value_counts,
    "numpy unique": _unique,
    "numpy unique, a mask a label": _unique_and_masks,
}


def _check(row, labels, data, affine) -> None:  # type: ignore[no-untyped-def]
    transform = np.linalg.inv(labels.affine) @ square(row["matrix"]) @ square(row["space_affine"])
    ours = count_slices(labels, transform, tuple(row["shape"]))[0].sum(axis=0)[1:]
    found = np.bincount(_seen(row, data, affine).ravel(), minlength=65536)[labels.values[1:]]
    if np.abs(ours.astype(int) - found).max() > 3:  # ties only
        raise SystemExit("the two ways do not count the same")


def _captions(catalog, label_map: Path, out: Path) -> dict[str, float]:  # type: ignore[no-untyped-def]
    lut = load_lut("freesurfer")
    tables = [volume_table(catalog, n, merge=lut.merging(), all_slices=True) for n in range(20)]
    slices = pa.concat_tables(tables).combine_chunks()
    tokenizer = train_word_pieces(label_map, out / "tokenizer.json")
    limited = Captioner(lut, CaptionSettings(max_tokens=512, tokenizer=str(tokenizer)))
    free = Captioner(lut, CaptionSettings())
    for captioner in (limited, free):
        captioner.captions(slices)
    rows = slices.num_rows
    facts = _facts(slices, lut)
    bare = rows / _best(lambda: _bare(facts))
    made = limited.captions(slices)
    lengths = pa.compute.binary_length(made["caption"])
    return {
        "caption_rows": rows,
        "caption_structures_per_row": round(float(np.mean([len(one[3]) for one in facts])), 1),
        "caption_bytes_per_row": round(pa.compute.mean(lengths).as_py()),
        "bare_f_string_captions_per_s": round(bare),
        "captions_per_s": round(rows / _best(lambda: free.captions(slices))),
        "captions_per_s_with_512_token_limit": round(rows / _best(lambda: limited.captions(slices))),
        "captions_over_bare_f_string": round(rows / _best(lambda: limited.captions(slices)) / bare, 2),
        "parquet_zstd_rows_per_s": round(rows / _best(lambda: _parquet(made, out / "captions.parquet"))),
    }


def _facts(slices: pa.Table, lut):  # type: ignore[no-untyped-def]
    names = {label: lut.phrase(label) for label in range(2048)}
    return [
        (plane, position, sequence, [(names[one["label"]], one["volume_mm3"]) for one in found])
        for plane, position, sequence, found in zip(
            *(slices[name].to_pylist() for name in ("plane", "position_mm", "sequence", "structures")), strict=True
        )
    ]


def _bare(facts) -> list[str]:  # type: ignore[no-untyped-def]
    """The plainest loop: one wording, no grammar, no pairs, no limit, nothing looked up."""
    return [
        f"{plane} {sequence} slice at {position:.1f} mm: "
        + ", ".join([f"{name} ({volume:.0f} mm³)" for name, volume in found])
        for plane, position, sequence, found in facts
    ]


def _parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", use_dictionary=["volume_id", "plane", "template"])


if __name__ == "__main__":
    main()
