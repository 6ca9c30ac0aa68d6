"""Labelled volumes in, the slice table out: one Parquet part at a time, each whole or not there.

A part depends on the catalog, the settings and its own range of volumes only, so that its bytes are the same however
many workers or jobs made it. Row groups end where a volume ends: a reader always has a volume's slices together.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.catalog import Catalog, write_catalog
from braincaption.counting import CompactLabels, PlaneRows, compact, count_slices, plane_rows
from braincaption.engine import Workers, run_jobs
from braincaption.errors import ScanError
from braincaption.failures import FailureLog
from braincaption.lut import Lut, write_lut
from braincaption.nifti import load_labels
from braincaption.orientation import SliceAxis, slice_axes
from braincaption.parts import NAMES_KEY, RUN_KEY, SLICES_FOLDER, Part, missing_parts, split_volumes
from braincaption.progress import track
from braincaption.schema import PLANES, SLICES
from braincaption.sources import Source

_ROWS_PER_GROUP = 65_536
_ZSTD_LEVEL = 3
# Columns whose values hardly repeat within a row group are better off without a dictionary.
_PLAIN = {"index"}


@dataclass(frozen=True, kw_only=True)
class TabulateSettings:
    """What the rows of the table depend on, besides the volumes.

    Attributes
    ----------
    merge : bool
        Count cortical parcels as the cortex of their side.
    all_slices : bool
        Keep slices that show no labelled voxel.
    part_size : int
        Volumes a part, at most, where no shard is asked for.
    """

    merge: bool = False
    all_slices: bool = False
    part_size: int = 512


@dataclass(frozen=True, kw_only=True)
class TabulateReport:
    """What a run did: rows and volumes written, and voxels of labels that have no name (by label)."""

    rows: int
    volumes: int
    unknown: dict[int, int]


@dataclass(frozen=True, kw_only=True)
class _Job:
    catalog: Catalog
    part: Part
    out: Path
    lut: Lut
    settings: TabulateSettings
    run: dict[str, Any]
    contents: str


@dataclass(frozen=True, kw_only=True)
class _Done:
    rows: int
    volumes: int
    failed: tuple[tuple[str, str], ...]
    unknown: dict[int, int]


def tabulate(
    source: Source,
    out: Path,
    lut: Lut,
    *,
    settings: TabulateSettings,
    workers: Workers,
    shard: Part | None = None,
) -> TabulateReport:
    """Count every structure on every slice of every volume of `source` into ``out/slices``.

    Parameters
    ----------
    source : Source
    out : Path
        Gets ``catalog.parquet``, ``lut.tsv`` and ``slices/part-IIIII-of-NNNNN.parquet``. What an earlier run of the
        same settings finished is kept.
    lut : Lut
    settings : TabulateSettings
    workers : Workers
    shard : Part, optional
        Make this part only.

    Raises
    ------
    UsageError
        `out` holds another run's table.
    PartialFailure
        Some label maps were broken; the others are done.
    """
    catalog = source.catalog
    total = catalog.table.num_rows
    wanted = [shard] if shard else split_volumes(total, settings.part_size)
    if settings.merge:
        lut.merging()  # refused before anything is written
    run = _run_identity(catalog, lut, settings)
    contents = _contents(catalog, wanted)
    missing = missing_parts(out / SLICES_FOLDER, wanted, run, contents)
    if shard is None:  # another job of an array may be writing beside this one
        remove_leftovers(out / SLICES_FOLDER)
    write_catalog(catalog, out)
    write_lut(lut, out / "lut.tsv")
    jobs = [
        _Job(
            catalog=_rows(catalog, part), part=part, out=out, lut=lut, settings=settings, run=run,
            contents=contents[part.number],
        )
        for part in missing
    ]  # fmt: skip
    log, unknown, rows, volumes = FailureLog(out, "tabulate"), Counter[int](), 0, 0
    for identifier, message in source.broken:
        log.add(identifier, message)
    for done in track(run_jobs(_make_part, jobs, workers), "Counting structures", total=len(jobs)):
        rows, volumes = rows + done.rows, volumes + done.volumes
        unknown.update(done.unknown)
        for volume_id, message in done.failed:
            log.add(volume_id, message)
    log.close()
    return TabulateReport(rows=rows, volumes=volumes, unknown=dict(sorted(unknown.items())))


def _rows(catalog: Catalog, part: Part) -> Catalog:
    # Taken, not sliced: a slice would carry the whole catalog to every worker.
    numbers = list(part.rows(catalog.table.num_rows))
    return Catalog(table=catalog.table.take(pa.array(numbers, pa.int64())), root=catalog.root.resolve())


def _run_identity(catalog: Catalog, lut: Lut, settings: TabulateSettings) -> dict[str, Any]:
    # What decides the rows, so that parts of two different runs are never mixed; not where anything lies.
    digest = hashlib.sha256()
    for batch in catalog.table.combine_chunks().to_batches(max_chunksize=4096):
        digest.update(repr(batch.to_pydict()).encode())
    names = json.dumps({label: lut.name(label) for label in sorted(lut.structures)})
    kept = {name: value for name, value in asdict(settings).items() if name != "part_size"}
    return {"catalog": digest.hexdigest(), "names": hashlib.sha256(names.encode()).hexdigest(), "settings": kept}


def _contents(catalog: Catalog, parts: Sequence[Part]) -> dict[int, str]:
    # What the label maps behind each part hold: one that was corrected since has its parts counted again.
    maps = catalog.table["label_path"].to_pylist()
    known = {written: _digest(catalog.path(written)) for written in set(maps)}
    found = {}
    for part in parts:
        mine = sorted({maps[number] for number in part.rows(len(maps))})
        found[part.number] = hashlib.sha256("".join(known[written] for written in mine).encode()).hexdigest()
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"  # said where it is read


def _make_part(job: _Job) -> _Done:
    names = json.dumps({str(label): job.lut.name(label) for label in sorted(job.lut.structures)})
    schema = SLICES.with_metadata({NAMES_KEY: names.encode()})
    failed: list[tuple[str, str]] = []
    unknown: Counter[int] = Counter()
    rows = 0
    target = job.out / SLICES_FOLDER / job.part.file_name
    dictionary = [field.name for field in SLICES if field.name not in _PLAIN]
    with (
        atomic_path(target) as aside,
        pq.ParquetWriter(
            aside, schema, compression="zstd", compression_level=_ZSTD_LEVEL, use_dictionary=_leaves(dictionary)
        ) as writer,
    ):
        for group in _groups(job, failed):
            rows += group.num_rows
            unknown.update(_unknown(group, job.lut))
            writer.write_table(group.cast(schema), row_group_size=max(1, group.num_rows))
        record = {
            "run": job.run,
            "contents": job.contents,
            "failed": sorted(name for name, _ in failed),
            "unknown": {str(label): voxels for label, voxels in sorted(unknown.items())},
        }
        writer.add_key_value_metadata({RUN_KEY: json.dumps(record).encode()})
    return _Done(
        rows=rows, volumes=job.catalog.table.num_rows - len(failed), failed=tuple(failed), unknown=dict(unknown)
    )


def _leaves(names: Sequence[str]) -> list[str]:
    nested = {
        "structures": [f"structures.list.element.{leaf}" for leaf in ("label", "voxels", "volume_mm3")],
        "label_subjects": ["label_subjects.list.element"],
        "zooms": ["zooms.list.element"],
    }
    return [leaf for name in names for leaf in nested.get(name, [name])]


def _unknown(group: pa.Table, lut: Lut) -> dict[int, int]:
    axial = group.filter(pc.equal(group["plane"], PLANES[0])) if group.num_rows else group
    entries = axial["structures"].combine_chunks().flatten()
    label = entries.field("label").to_numpy(zero_copy_only=False)
    sums = np.bincount(label, weights=entries.field("voxels").to_numpy(zero_copy_only=False))
    return {int(n): int(sums[n]) for n in np.flatnonzero(sums) if int(n) not in lut}


def _groups(job: _Job, failed: list[tuple[str, str]]) -> Iterator[pa.Table]:
    counted: list[tuple[int, _Counted]] = []
    rows = 0
    load = lru_cache(maxsize=2)(lambda written: _labels(job, written))
    for number in range(job.catalog.table.num_rows):
        row = job.catalog.table.slice(number, 1).to_pylist()[0]
        try:
            found = count_volume(row, load(row["label_path"]), all_slices=job.settings.all_slices)
        except ScanError as error:
            failed.append((row["volume_id"], str(error)))
            continue
        counted.append((number, found))
        rows += len(found.index)
        if rows >= _ROWS_PER_GROUP:
            yield _table(job.catalog.table, counted)
            counted, rows = [], 0
    if counted or not rows:
        yield _table(job.catalog.table, counted)


def _labels(job: _Job, written: str) -> CompactLabels:
    return _loaded(job.catalog, written, job.lut.merging() if job.settings.merge else {})


def _loaded(catalog: Catalog, written: str, merge: Mapping[int, int]) -> CompactLabels:
    relabel = np.arange(65536, dtype=np.uint16)
    for parcel, whole in merge.items():
        relabel[parcel] = whole
    return compact(load_labels(catalog.path(written)), relabel)


def volume_table(
    catalog: Catalog, number: int, *, merge: Mapping[int, int] | None = None, all_slices: bool = False
) -> pa.Table:
    """Return the slice table of one volume, without writing anything.

    Parameters
    ----------
    catalog : Catalog
    number : int
        Row of the catalog.
    merge : mapping of int to int, optional
        Label to count each label as, such as `braincaption.lut.Lut.merging` gives.
    all_slices : bool
        Keep slices without a label.

    Raises
    ------
    ScanError
        The label map is broken.
    """
    row = catalog.table.slice(number, 1).to_pylist()[0]
    labels = _loaded(catalog, row["label_path"], merge or {})
    return _table(catalog.table, [(number, count_volume(row, labels, all_slices=all_slices))])


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """Rows of one volume over all planes; per-row arrays of one length, entries as in `PlaneRows`."""

    plane: npt.NDArray[np.int8]
    index: npt.NDArray[np.uint16]
    position_mm: npt.NDArray[np.float32]
    oblique_deg: npt.NDArray[np.float32]
    thickness_mm: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.int32]
    label: npt.NDArray[np.uint16]
    voxels: npt.NDArray[np.uint32]
    volume_mm3: npt.NDArray[np.float32]


def count_volume(row: dict[str, Any], labels: CompactLabels, *, all_slices: bool) -> _Counted:
    """Count one catalog row: the labels seen through ``matrix`` on the grid of its space.

    Parameters
    ----------
    row : dict
        Of the catalog: ``matrix``, ``space_affine``, ``shape`` are used.
    labels : CompactLabels
        The image's own label map.
    all_slices : bool
    """
    space, matrix = square(row["space_affine"]), square(row["matrix"])
    shape = (int(row["shape"][0]), int(row["shape"][1]), int(row["shape"][2]))
    counts = count_slices(labels, np.linalg.inv(labels.affine) @ matrix @ space, shape)
    axes = slice_axes(space)
    mm3 = float(abs(np.linalg.det(space[:3, :3])))
    planes = [(n, axes[name]) for n, name in enumerate(PLANES)]
    rows = [plane_rows(counts[axis.axis], labels.values, mm3, all_slices=all_slices) for _, axis in planes]
    return _stack(planes, rows, space, shape)


def square(twelve: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return a 3×4 row-major list as a 4×4 matrix."""
    return np.vstack([np.asarray(twelve, dtype=np.float64).reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])


def positions(affine: npt.NDArray[np.float64], axis: SliceAxis, shape: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return where the centre voxel (index n // 2 in the plane) of each slice lies along the plane's world axis, mm."""
    centre = np.array([length // 2 for length in shape], dtype=np.float64)
    centre[axis.axis] = 0.0
    start = affine[axis.world, :3] @ centre + affine[axis.world, 3]
    return np.asarray(start + affine[axis.world, axis.axis] * np.arange(shape[axis.axis]))


def _stack(
    planes: list[tuple[int, SliceAxis]],
    rows: list[PlaneRows],
    space: npt.NDArray[np.float64],
    shape: tuple[int, int, int],
) -> _Counted:
    lengths = [len(found.index) for found in rows]
    return _Counted(
        plane=np.repeat(np.array([n for n, _ in planes], np.int8), lengths),
        index=np.concatenate([found.index for found in rows]),
        position_mm=np.concatenate(
            [positions(space, axis, shape)[r.index] for (_, axis), r in zip(planes, rows, strict=True)]
        ).astype(np.float32),
        oblique_deg=np.repeat(np.array([axis.oblique_deg for _, axis in planes], np.float32), lengths),
        thickness_mm=np.repeat(np.array([axis.thickness_mm for _, axis in planes], np.float32), lengths),
        lengths=np.concatenate([np.diff(found.offsets) for found in rows]).astype(np.int32),
        label=np.concatenate([found.label for found in rows]),
        voxels=np.concatenate([found.voxels for found in rows]),
        volume_mm3=np.concatenate([found.volume_mm3 for found in rows]),
    )


def _table(catalog: pa.Table, counted: list[tuple[int, _Counted]]) -> pa.Table:
    # Per-row values are arrays; what is constant in a volume is its catalog row, repeated.
    found = [one for _, one in counted]
    repeat = np.repeat(np.array([n for n, _ in counted], np.int64), [len(one.index) for one in found])
    base = catalog.take(pa.array(repeat))
    own = {
        "plane": pa.DictionaryArray.from_arrays(_joined(found, "plane", np.int8), list(PLANES)).dictionary_decode(),
        "index": _joined(found, "index", np.uint16),
        "position_mm": _joined(found, "position_mm", np.float32),
        "oblique_deg": _joined(found, "oblique_deg", np.float32),
        "thickness_mm": _joined(found, "thickness_mm", np.float32),
        "structures": _structures(found),
    }
    return pa.table([own[field.name] if field.name in own else base[field.name] for field in SLICES], schema=SLICES)


def _joined(found: list[_Counted], name: str, kind: npt.DTypeLike) -> pa.Array:
    return pa.array(np.concatenate([getattr(one, name) for one in found]) if found else np.zeros(0, kind))


def _structures(found: list[_Counted]) -> pa.Array:
    offsets = np.zeros(sum(len(one.lengths) for one in found) + 1, np.int32)
    if found:
        np.cumsum(np.concatenate([one.lengths for one in found]), out=offsets[1:])
    kind = SLICES.field("structures").type
    leaves = [
        _joined(found, "label", np.uint16),
        _joined(found, "voxels", np.uint32),
        _joined(found, "volume_mm3", np.float32),
    ]
    entries = pa.StructArray.from_arrays(leaves, fields=list(kind.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets), entries, type=kind)
