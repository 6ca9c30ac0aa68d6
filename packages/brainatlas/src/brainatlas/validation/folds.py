"""People in, folds out: who is held out together, and who may vote for them."""

from __future__ import annotations

from collections.abc import Sequence

from brainatlas.record import Record
from braincaption.errors import UsageError


def make_folds(records: Sequence[Record], folds: int | None) -> list[tuple[str, ...]]:
    """Split the people of `records` into folds; without a number, every person is a fold (leave one out).

    People are dealt out in the order of their keys, so that folds differ by one person at most and depend on nothing
    else.

    Raises
    ------
    UsageError
        Fewer than two people, or a number of folds that cannot be dealt.
    """
    people = sorted({record.person for record in records}, key=str.encode)
    if len(people) < 2:
        raise UsageError(f"the atlas has {len(people)} labelled people, validation wants 2 or more: label others")
    number = len(people) if folds is None else folds
    if not 2 <= number <= len(people):
        raise UsageError(f"--folds {number} cannot be dealt to {len(people)} people: give 2 to {len(people)}")
    return [tuple(people[start::number]) for start in range(number)]


def voters_of(target: Record, records: Sequence[Record], folds: Sequence[tuple[str, ...]]) -> list[Record]:
    """Return the records that may vote for `target`: nobody of its fold, which its own other scans belong to."""
    held_out = next(fold for fold in folds if target.person in fold)
    return [record for record in records if record.person not in held_out]
