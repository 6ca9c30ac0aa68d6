"""A slice table in, the slices to draw out: as many as asked for, spread evenly over people and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from braincaption.draw import slice_draws, volume_draws
from braincaption.errors import UsageError
from braincaption.outfolder import Captioned
from braincaption.render.settings import KINDS, ChoiceSettings
from braincaption.schema import PLANES
from braincaption.splits import SIDES, random_splits, volume_splits

COLUMNS = (
    "volume_id", "plane", "index", "position_mm", "sequence", "field_strength_t", "image_subject", "image_id",
    "space_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Candidates:
    """Slices that may be drawn, as numbers: tens of millions of them fit in memory.

    `volume` is the row of the catalog, `plane` the position in PLANES, `shown` the labelled volume in mm³; the slice
    stands in row `row` of part `part`.
    """

    volume: npt.NDArray[np.int32]
    plane: npt.NDArray[np.int32]
    index: npt.NDArray[np.uint16]
    shown: npt.NDArray[np.float32]
    part: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]

    def only(self, kept: npt.NDArray[np.bool_]) -> _Candidates:
        """Return the candidates where `kept` is true."""
        return _Candidates(**{name: values[kept] for name, values in vars(self).items()})

    def draws(self, names: list[str], seed: int) -> npt.NDArray[np.uint64]:
        """Return the hash of every key; `names` are the volume ids of the catalog."""
        return slice_draws(volume_draws(names, seed)[self.volume], self.plane, self.index)


def choose_slices(captioned: Captioned, settings: ChoiceSettings) -> pa.Table:
    """Return the chosen rows: `COLUMNS`, where they stand (``part``, ``row``), ``split`` and ``caption`` (null where
    none is written), in key order.

    The sides get their shares of `count`; a side with fewer slices leaves its place to the others. Within a side every
    (person, sequence) gets the same number as far as it has slices, and which of its slices is drawn by a hash of
    seed and key. Split ``cross`` gets none.

    Raises
    ------
    UsageError
        An unknown plane or kind of volumes, or no slice that fits.
    """
    _check(settings)
    found = _candidates(captioned, settings)
    names = captioned.catalog.table["volume_id"].to_pylist()
    draws = found.draws(names, settings.seed)
    sides = _sides(found, captioned.catalog.table, names, settings)
    chosen = _draw_evenly(_strata(captioned.catalog.table)[found.volume], draws, sides, settings)
    if chosen.size == 0:
        raise UsageError(
            f"no {'/'.join(settings.planes)} slice of {settings.volumes} volumes lies in train, validation or test: "
            "ask for another plane or other --volumes"
        )
    places = pa.table({"part": found.part[chosen], "row": found.row[chosen]})
    table = fetch(captioned, places, COLUMNS)
    for name in places.column_names:
        table = table.append_column(name, places[name])
    table = table.append_column("split", pa.array(np.array(SIDES)[sides[chosen]], pa.string()))
    return _with_captions(captioned, table)


def _check(settings: ChoiceSettings) -> None:
    unknown = sorted(set(settings.planes) - set(PLANES))
    if unknown or not settings.planes:
        raise UsageError(f"--plane {', '.join(unknown) or 'is empty'}: wanted one of {', '.join(PLANES)}")
    if settings.volumes not in KINDS:
        raise UsageError(f"--volumes {settings.volumes}: wanted one of {', '.join(KINDS)}")
    if settings.count < 1:
        raise UsageError(f"--count {settings.count}: wanted 1 or more")


def _candidates(captioned: Captioned, settings: ChoiceSettings) -> _Candidates:
    catalog = captioned.catalog.table
    ids = catalog["volume_id"].combine_chunks()
    kind = np.ones(catalog.num_rows, dtype=bool)
    if settings.volumes != "all":
        kind = pc.equal(catalog["direction"], settings.volumes).to_numpy()
    wanted = np.isin(np.array(PLANES), settings.planes)
    pieces: list[_Candidates] = []
    for number, part in enumerate(captioned.parts):
        start = 0
        for table in part.tables(["volume_id", "plane", "index", "structures"]):
            piece = _numbered(table, ids, number, start)
            start += table.num_rows
            pieces.append(piece.only(kind[piece.volume] & wanted[piece.plane] & (piece.shown > 0)))
    names = vars(pieces[0])
    whole = _Candidates(**{name: np.concatenate([vars(piece)[name] for piece in pieces]) for name in names})
    return whole.only(_full_enough(whole, catalog.num_rows, settings.least))


def _numbered(table: pa.Table, ids: pa.Array, part: int, start: int) -> _Candidates:
    lists = table["structures"].combine_chunks()
    ends = np.concatenate([[0], np.cumsum(pc.fill_null(pc.list_value_length(lists), 0).to_numpy())])
    volumes = np.concatenate([[0.0], np.cumsum(lists.flatten().field("volume_mm3").to_numpy(), dtype=np.float64)])
    volume = pc.index_in(table["volume_id"].combine_chunks(), ids)
    if volume.null_count:
        raise UsageError("the slice table names volumes that the catalog lacks: run `brain caption tabulate` again")
    return _Candidates(
        volume=volume.to_numpy().astype(np.int32),
        plane=pc.index_in(table["plane"].combine_chunks(), pa.array(PLANES)).to_numpy().astype(np.int32),
        index=table["index"].to_numpy().astype(np.uint16),
        shown=(volumes[ends[1:]] - volumes[ends[:-1]]).astype(np.float32),
        part=np.full(table.num_rows, part, dtype=np.int32),
        row=np.arange(start, start + table.num_rows, dtype=np.int32),
    )


def _full_enough(found: _Candidates, volumes: int, least: float) -> npt.NDArray[np.bool_]:
    stack = found.volume.astype(np.int64) * len(PLANES) + found.plane
    fullest = np.zeros(volumes * len(PLANES), dtype=np.float32)
    np.maximum.at(fullest, stack, found.shown)
    return np.asarray(found.shown >= least * fullest[stack])


def _sides(found: _Candidates, catalog: pa.Table, names: list[str], settings: ChoiceSettings) -> npt.NDArray[np.int64]:
    """Return each candidate's side as an index into SIDES; -1 for cross."""
    if settings.paper_split:
        # A second draw: the first one also decides which slices are taken.
        return random_splits(found.draws(names, settings.seed + 1), settings.splits).astype(np.int64)
    splits = volume_splits(catalog, settings.splits)
    code = {side: number for number, side in enumerate(SIDES)}
    return np.array([code.get(splits[name], -1) for name in names], dtype=np.int64)[found.volume]


def _strata(catalog: pa.Table) -> npt.NDArray[np.int32]:
    """Return a number for the (person, sequence) of each row of the catalog."""
    people = pc.binary_join_element_wise(catalog["image_subject"], catalog["sequence"], "\t")
    return np.asarray(people.combine_chunks().dictionary_encode().indices.to_numpy())


def _draw_evenly(
    strata: npt.NDArray[np.int32],
    draws: npt.NDArray[np.uint64],
    sides: npt.NDArray[np.int64],
    settings: ChoiceSettings,
) -> npt.NDArray[np.int64]:
    available = np.bincount(sides[sides >= 0], minlength=len(SIDES))
    wanted = _fill([share * settings.count for share in settings.splits.shares], available, settings.count)
    chosen = []
    for side, number in enumerate(wanted):
        members = np.flatnonzero(sides == side)
        order = members[np.lexsort((draws[members], strata[members]))]
        chosen.append(_take_evenly(order, strata[order], number, draws))
    return np.sort(np.concatenate(chosen))


def _fill(shares: list[float], available: npt.NDArray[np.int64], count: int) -> list[int]:
    """Return how many slices each side gives: its share, and what the others lack, train first."""
    given = [min(round(share), int(has)) for share, has in zip(shares, available, strict=True)]
    given[0] = min(max(count - sum(given[1:]), 0), given[0])
    for side, has in enumerate(available):
        given[side] += min(max(count - sum(given), 0), int(has) - given[side])
    return given


def _take_evenly(
    order: npt.NDArray[np.int64], strata: npt.NDArray[np.integer], number: int, draws: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return `number` of `order` (sorted by stratum, then draw), the same from every stratum as far as it goes."""
    if number == 0:
        return order[:0]
    starts = np.flatnonzero(np.r_[True, strata[1:] != strata[:-1]])
    rank = np.arange(order.size) - np.repeat(starts, np.diff(np.r_[starts, order.size]))
    # First of each stratum, then second of each …; the draw decides who is last to fit.
    turn = np.lexsort((draws[order], rank))
    return order[turn[:number]]


def _with_captions(captioned: Captioned, chosen: pa.Table) -> pa.Table:
    written = all(part.captions is not None for part in captioned.parts)
    captions = fetch(captioned, chosen, ["caption"])["caption"] if written else pa.nulls(chosen.num_rows, pa.string())
    return chosen.append_column("caption", captions)


def fetch(captioned: Captioned, chosen: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return `columns` of the slice table and captions for each of the `chosen` rows."""
    numbers, rows = chosen["part"].to_numpy(), chosen["row"].to_numpy()
    tables = [
        part.read(columns).take(pa.array(rows[numbers == number]))
        for number, part in enumerate(captioned.parts)
        if (numbers == number).any()
    ]
    return pa.concat_tables(tables)
