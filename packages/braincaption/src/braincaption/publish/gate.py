"""A dataset folder and what the user claims in, the files that may go out; or a refusal with its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.dataset.build import CARD, MANIFEST
from braincaption.dataset.cohorts import YES
from braincaption.dataset.facts import OLDEST
from braincaption.dataset.settings import CONFIGS
from braincaption.errors import UsageError
from braincaption.publish.licences import compatible, groups
from braincaption.publish.settings import PublishSettings

_BESIDE = ("CITATION.cff", "croissant.json", "lut.tsv", MANIFEST)
_FACES = ("slices", "volumes")


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """What may be published.

    Attributes
    ----------
    shards : tuple of str
        Paths below the folder, in order.
    beside : tuple of str
        Small files that go with them, the card not among them.
    cohorts : mapping
        From the manifest.
    """

    shards: tuple[str, ...]
    beside: tuple[str, ...]
    cohorts: Mapping[str, Any]


def clear(folder: Path, settings: PublishSettings) -> Cleared:
    """Check every rule that publishing has to keep.

    Raises
    ------
    UsageError
        No dataset of ours; redistribution not allowed and no permission quoted; whole heads; licences that may not be
        mixed; an age above 90.
    """
    if not (folder / MANIFEST).is_file() or not (folder / CARD).is_file():
        raise UsageError(
            f"{folder} holds no {MANIFEST} and {CARD}: write it with `brain caption dataset OUT --out DEST`"
        )
    cohorts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["cohorts"]
    shards = tuple(
        f"{config}/{path.name}" for config in CONFIGS for path in sorted((folder / config).glob("*.parquet"))
    )
    if not shards:
        raise UsageError(f"{folder} holds no shard: run `brain caption dataset` to the end")
    _check_redistribution(cohorts, settings)
    if any(shard.startswith(_FACES) for shard in shards):
        _check_heads(cohorts, settings)
    _check_licences(cohorts, settings)
    for shard in shards:
        _check_ages(folder / shard)
    pictures = sorted(f"pictures/{path.name}" for path in (folder / "pictures").glob("*.png"))
    beside = [name for name in _BESIDE if (folder / name).is_file()]
    return Cleared(shards=shards, beside=(*beside, *pictures), cohorts=cohorts)


def _of(cohorts: Mapping[str, Any], *roles: str) -> Iterable[tuple[str, Any]]:
    return ((name, cohort) for name, cohort in sorted(cohorts.items()) if set(roles) & set(cohort["roles"]))


def _check_redistribution(cohorts: Mapping[str, Any], settings: PublishSettings) -> None:
    refused = [
        f"{name} ({cohort['redistribution']})"
        for name, cohort in _of(cohorts, "images", "labels")
        if cohort["redistribution"] != YES
    ]
    if refused and not (settings.permission or "").strip():
        raise UsageError(
            f"redistribution of {', '.join(refused)} is not known to be allowed: ask the owners and quote their words "
            "with --permission TEXT, which the card will print"
        )


def _check_heads(cohorts: Mapping[str, Any], settings: PublishSettings) -> None:
    whole = [name for name, cohort in _of(cohorts, "images") if not cohort["stripped"]]
    if whole and not settings.allow_unstripped:
        raise UsageError(
            f"images of {', '.join(whole)} are not known to be skull-stripped and may show faces: strip them with "
            "`brain atlas strip`, or say --allow-unstripped if the people agreed"
        )


def _check_licences(cohorts: Mapping[str, Any], settings: PublishSettings) -> None:
    images = {cohort["licence"] for _, cohort in _of(cohorts, "images")}
    apart = groups(images)
    if len(apart) > 1:
        raise UsageError(
            f"images under {' and '.join(' + '.join(group) for group in apart)} may not be published together: make "
            "one dataset for each with `brain caption dataset OUT --out DEST --licence LICENCE`"
        )
    clash = sorted(
        f"{cohort['licence']} labels of {name}"
        for name, cohort in _of(cohorts, "labels")
        if not all(compatible(cohort["licence"], image) for image in images)
    )
    if clash and not (settings.permission or "").strip():
        raise UsageError(
            f"{', '.join(clash)} go with images under {', '.join(sorted(images))}, which does not allow it: "
            "ask the owners and quote their words with --permission TEXT"
        )


def _check_ages(shard: Path) -> None:
    try:
        with pq.ParquetFile(shard) as opened:
            found = opened.metadata
            column = opened.schema_arrow.names.index("age")
            position = next(i for i in range(found.num_columns) if found.schema.column(i).path == "age")
            highest = [found.row_group(g).column(position).statistics for g in range(found.num_row_groups)]
    except (pa.ArrowInvalid, OSError, ValueError, StopIteration) as error:
        raise UsageError(f"{shard} is no shard of ours ({error}): write the dataset again") from None
    if column >= 0 and any(s is not None and s.has_min_max and s.max > OLDEST for s in highest):
        raise UsageError(f"{shard} holds an age above {OLDEST:.0f}, which identifies people: write the dataset again")
