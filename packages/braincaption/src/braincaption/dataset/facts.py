"""Source rows in, publishable rows out: pseudonyms for ids, ages of 90 and over as 90, a split for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from braincaption.dataset.pseudonyms import Pseudonyms
from braincaption.draw import slice_draws, volume_draws
from braincaption.render.settings import ChoiceSettings
from braincaption.schema import PLANES
from braincaption.splits import SIDES, random_splits, volume_splits

OLDEST = 90.0


@dataclass
class Facts:
    """Turns tables of source rows into publishable ones; remembers the pseudonyms it has made.

    Parameters
    ----------
    catalog : pyarrow.Table
    names : Pseudonyms
    choice : ChoiceSettings
        The seed and shares of the splits, and whether they are the paper's.
    """

    catalog: pa.Table
    names: Pseudonyms
    choice: ChoiceSettings
    _known: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_volume: Mapping[str, str] = volume_splits(self.catalog, self.choice.splits)
        people = zip(*(self.catalog[name].to_pylist() for name in ("volume_id", "label_subjects")), strict=True)
        self.labelled = {name: sorted(self.names.person(key) for key in keys or ()) for name, keys in people}

    def publishable(self, table: pa.Table) -> pa.Table:
        """Return `table` with pseudonyms, capped ages and a column ``split``.

        ``split`` is added unless it is there. Other columns, the caption among them, pass through.
        """
        if "split" not in table.column_names:
            table = table.append_column("split", self.splits(table))
        if "label_subjects" in table.column_names:
            table = _replaced(table, "label_subjects", self._label_subjects(table["volume_id"]))
        makers: dict[str, Callable[[str], str]] = {
            "volume_id": self.names.volume,
            "image_id": self.names.scan,
            "space_id": self.names.scan,
            "image_subject": self.names.person,
            "space_subject": self.names.person,
        }
        for column in table.column_names:
            if column in makers:
                table = _replaced(table, column, self._mapped(table[column], makers[column]))
        if "age" in table.column_names:
            capped = pc.if_else(pc.greater(table["age"], OLDEST), pa.scalar(OLDEST, pa.float32()), table["age"])
            table = _replaced(table, "age", capped)
        return table

    def volumes(self) -> pa.Array:
        """Return the pseudonyms of all volumes of the catalog, sorted."""
        return pa.array(sorted(self.names.volume(name) for name in self.by_volume), pa.string())

    def splits(self, table: pa.Table) -> pa.Array:
        """Return the split of each source row."""
        ids = table["volume_id"].combine_chunks().dictionary_encode()
        if not self.choice.paper_split:
            split = pa.array([self.by_volume[name] for name in ids.dictionary.to_pylist()], pa.string())
            return split.take(ids.indices)
        draws = volume_draws(ids.dictionary.to_pylist(), self.choice.seed + 1)[ids.indices.to_numpy()]
        if "plane" in table.column_names:
            planes = pc.index_in(table["plane"], pa.array(PLANES)).to_numpy()
            draws = slice_draws(draws, planes, table["index"].to_numpy())
        return pa.array(np.array(SIDES)[random_splits(draws, self.choice.splits)], pa.string())

    def _mapped(self, column: pa.ChunkedArray, make: Callable[[str], str]) -> pa.Array:
        codes = column.combine_chunks().dictionary_encode()
        known = self._known.setdefault(make.__name__, {})
        for name in codes.dictionary.to_pylist():
            if name not in known:
                known[name] = make(name)
        return pa.array([known[name] for name in codes.dictionary.to_pylist()], pa.string()).take(codes.indices)

    def _label_subjects(self, volume_ids: pa.ChunkedArray) -> pa.Array:
        """Return the list of each row's volume, sorted by pseudonym: the source order would say who is who."""
        codes = volume_ids.combine_chunks().dictionary_encode()
        lists = [self.labelled[name] for name in codes.dictionary.to_pylist()]
        return pa.array(lists, pa.list_(pa.string())).take(codes.indices)


def _replaced(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    position = table.column_names.index(column)
    return table.set_column(position, table.schema.field(column), values)
