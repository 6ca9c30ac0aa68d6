"""A real catalog of brainatlas in: counts against ANTs' resampling with NumPy, token lengths, both as JSON out.

    python benchmarks/caption/correctness.py CATALOG --out SCRATCH --record benchmarks/caption/correctness.json

Twenty rows, spread over the catalog, are resampled by ANTs (nearest neighbour, the row's matrix as an ITK transform),
counted with NumPy on all three planes and compared with ours. Voxels that differ are ties: points that fall on the
border between two voxels to within rounding; each is checked to be one. Then 100,000 captions are held to 512 and
77 tokens with the whole tokenizer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import date
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer
from word_pieces import train_word_pieces

from braincaption.captions import Captioner, CaptionSettings
from braincaption.catalog import Catalog, read_catalog
from braincaption.counting import compact, count_slices
from braincaption.lut import load_lut
from braincaption.nifti import load_labels
from braincaption.tabulate import square, volume_table

ROWS = 20
CAPTIONS = 100_000
TIE_VOXELS = 1e-3
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def main() -> None:
    """Compare, count tokens, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    catalog = read_catalog(arguments.catalog)
    there = [catalog.path(str(path)).exists() for path in catalog.table["label_path"].to_pylist()]
    catalog = Catalog(table=catalog.table.filter(pa.array(there)), root=catalog.root)
    numbers = np.unique(np.linspace(0, catalog.table.num_rows - 1, arguments.rows).astype(int)).tolist()
    rows = [_compared(catalog, number) for number in numbers]
    figures = {
        "command": "python benchmarks/caption/correctness.py CATALOG --out SCRATCH",
        "rows_compared": len(rows),
        "rows_equal": sum(row["differing_voxels"] == 0 for row in rows),
        "voxels_labelled": sum(row["voxels"] for row in rows),
        "voxels_differing": sum(row["differing_voxels"] for row in rows),
        "voxels_differing_not_ties": sum(row["not_ties"] for row in rows),
        "largest_mm3_error": max(row["mm3_error"] for row in rows),
        "rows": rows,
        "tokens": _tokens(catalog, arguments.out),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),
    }
    print(json.dumps({name: value for name, value in figures.items() if name != "rows"}, indent=2))
    if arguments.record:
        arguments.record.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _compared(catalog: Catalog, number: int) -> dict[str, object]:
    row = catalog.table.slice(number, 1).to_pylist()[0]
    space, matrix = square(row["space_affine"]), square(row["matrix"])
    labels = load_labels(catalog.path(row["label_path"]))
    seen = _by_ants(labels.data, labels.affine, space, matrix, row["shape"])
    boxed = compact(labels)
    counts = count_slices(boxed, np.linalg.inv(boxed.affine) @ matrix @ space, tuple(row["shape"]))
    differing = sum(_difference(counts[axis], seen, axis, boxed.values) for axis in range(3))
    unequal = np.zeros((0, 3), np.int64)
    if differing:
        unequal = np.argwhere(_by_rule(labels.data, labels.affine, space, matrix, row["shape"]) != seen)
    mm3 = abs(np.linalg.det(space[:3, :3]))
    table = volume_table(catalog, number)
    entries = table["structures"].combine_chunks().flatten()
    voxels, volumes = (entries.field(name).to_numpy().astype(np.float64) for name in ("voxels", "volume_mm3"))
    return {
        "volume_id": row["volume_id"],
        "voxels": int(np.count_nonzero(seen)),
        "differing_counts": int(differing),
        "differing_voxels": len(unequal),
        "not_ties": int((~_ties(unequal, labels.affine, space, matrix)).sum()),
        "mm3_error": float(np.abs(volumes / (voxels * mm3) - 1.0).max()),
        "planes_sum_equal": len({int(counts[axis].sum()) for axis in range(3)}) == 1,
    }


def _by_ants(data, affine, space, matrix, shape) -> npt.NDArray[np.int64]:  # type: ignore[no-untyped-def]
    moving, fixed = _image(data.astype(np.float32), affine), _image(np.zeros(shape, np.float32), space)
    itk = LPS @ matrix @ LPS
    transform = ants.create_ants_transform(
        transform_type="AffineTransform", matrix=itk[:3, :3], translation=itk[:3, 3], center=np.zeros(3)
    )
    moved = ants.apply_ants_transform_to_image(transform, moving, fixed, interpolation="nearestneighbor")
    return np.rint(moved.numpy()).astype(np.int64)


def _image(data, affine):  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii"
        nib.save(nib.Nifti1Image(data, affine), path)
        return ants.image_read(str(path))


def _by_rule(data, affine, space, matrix, shape) -> npt.NDArray[np.int64]:  # type: ignore[no-untyped-def]
    at = np.floor(_points(np.indices(shape).reshape(3, -1), affine, space, matrix) + 0.5).astype(int)
    inside = ((at >= 0) & (at < np.array(data.shape)[:, None])).all(axis=0)
    seen = np.zeros(at.shape[1], np.int64)
    seen[inside] = data[tuple(at[:, inside])]
    return seen.reshape(shape)


def _points(index, affine, space, matrix) -> npt.NDArray[np.float64]:  # type: ignore[no-untyped-def]
    transform = np.linalg.inv(affine) @ matrix @ space
    return np.asarray(transform[:3, :3] @ index + transform[:3, 3:])


def _ties(index, affine, space, matrix) -> npt.NDArray[np.bool_]:  # type: ignore[no-untyped-def]
    points = _points(index.T.astype(np.float64), affine, space, matrix)
    return np.asarray((np.abs(points - np.floor(points) - 0.5) < TIE_VOXELS).any(axis=0))


def _difference(counts, seen, axis, values) -> int:  # type: ignore[no-untyped-def]
    number = np.zeros(65536, np.int64)
    number[values] = np.arange(len(values))
    first = np.moveaxis(number[seen], axis, 0).reshape(seen.shape[axis], -1)
    found = np.array([np.bincount(plane, minlength=len(values)) for plane in first])
    return int(np.abs(counts[:, 1:].astype(np.int64) - found[:, 1:]).sum())


def _tokens(catalog: Catalog, out: Path) -> dict[str, object]:
    lut = load_lut("freesurfer")
    row = catalog.table.slice(0, 1).to_pylist()[0]
    path = train_word_pieces(catalog.path(row["label_path"]), out / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(path))
    found: dict[str, object] = {"captions": CAPTIONS, "tokenizer": "WordPiece, 800 pieces, BERT's rules"}
    volumes = [volume_table(catalog, n) for n in range(min(catalog.table.num_rows, 12))]
    slices = pa.concat_tables(volumes)
    for limit in (512, 77):
        texts: list[str] = []
        seed = 0
        while len(texts) < CAPTIONS:
            settings = CaptionSettings(seed=seed, max_tokens=limit, tokenizer=str(path))
            texts += Captioner(lut, settings).captions(slices)["caption"].to_pylist()
            seed += 1
        lengths = np.array([len(one.ids) for one in tokenizer.encode_batch(texts[:CAPTIONS])])
        found[f"limit_{limit}"] = {"longest": int(lengths.max()), "over": int((lengths > limit).sum())}
    return found


if __name__ == "__main__":
    main()
