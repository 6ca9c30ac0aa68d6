"""A captioned OUT in, a whole dataset folder out; configurations that are there already are kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from braincaption import __version__
from braincaption.atomic import atomic_folder, atomic_path, remove_leftovers
from braincaption.dataset.card import write_card
from braincaption.dataset.cohorts import Cohort, read_cohorts
from braincaption.dataset.columns import SCHEMAS, SPECIAL
from braincaption.dataset.facts import Facts
from braincaption.dataset.pictures import GROUP_ROWS as PICTURE_ROWS
from braincaption.dataset.pictures import write_pictures
from braincaption.dataset.pseudonyms import open_pseudonyms
from braincaption.dataset.settings import CONFIGS, DatasetSettings
from braincaption.dataset.shards import Shards, with_features
from braincaption.dataset.text import GROUP_ROWS as TEXT_ROWS
from braincaption.dataset.text import write_text
from braincaption.dataset.volumes import GROUP_ROWS as VOLUME_ROWS
from braincaption.dataset.volumes import write_volumes
from braincaption.errors import UsageError
from braincaption.failures import FailureLog
from braincaption.outfolder import Captioned, open_captioned

MANIFEST = "dataset.json"
CARD = "README.md"
_GROUP_ROWS = {"text": TEXT_ROWS, "slices": PICTURE_ROWS, "volumes": VOLUME_ROWS}
_MB = 1_000_000


def build_dataset(source: Path, out: Path, settings: DatasetSettings) -> None:
    """Write the dataset folder.

    Each configuration appears whole; the card comes last. A configuration made from the same input with the same
    settings is kept.

    Raises
    ------
    UsageError
        `source` has no captions, a configuration is unknown, or `out` holds something else.
    PartialFailure
        Some scans could not be read; the others are in.
    """
    _check(out, settings)
    captioned = open_captioned(source, captions=True)
    if settings.licence is not None and settings.licence not in captioned.catalog.table["licence"].to_pylist():
        known = ", ".join(sorted(set(captioned.catalog.table["licence"].to_pylist())))
        raise UsageError(f"no image is under --licence {settings.licence}: the catalog has {known}")
    names = open_pseudonyms(source, out)
    facts = Facts(captioned.catalog.table, names, settings.choice)
    remove_leftovers(out)
    log = FailureLog(source, "dataset")
    manifest = _manifest(captioned, settings, names.salt)
    done = _done(out, manifest)
    (out / CARD).unlink(missing_ok=True)
    for config in settings.configs:
        if config not in done:
            before = len(log.rows)
            _write_config(config, captioned, facts, out, settings, log)
            if len(log.rows) == before:  # an incomplete one is made again once its scans are repaired
                done.append(config)
                _write_manifest(out, manifest | {"done": done})
    _copy_names(source, out)
    write_card(out, settings, _cohorts(captioned, settings))
    log.close()


def _check(out: Path, settings: DatasetSettings) -> None:
    unknown = [name for name in settings.configs if name not in CONFIGS]
    if unknown or not settings.configs:
        raise UsageError(f"--configs {', '.join(unknown) or 'is empty'}: wanted some of {','.join(CONFIGS)}")
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        ours = {*CONFIGS, CARD}
        foreign = sorted(path.name for path in out.iterdir() if path.name not in ours and path.name[0] != ".")
        if foreign:
            raise UsageError(f"{out} holds {foreign[0]}, which no dataset of ours has: give another --out")


def _write_config(
    config: str, captioned: Captioned, facts: Facts, out: Path, settings: DatasetSettings, log: FailureLog
) -> None:
    def keep(table: pa.Table) -> pa.Table:
        return _under(table, settings.licence)

    with atomic_folder(out / config) as folder:
        shards = Shards(
            folder=folder,
            schema=with_features(SCHEMAS[config], SPECIAL[config]),
            shard_bytes=settings.shard_mb * _MB,
            group_rows=_GROUP_ROWS[config],
        )
        if config == "text":
            write_text(captioned, facts, keep, shards, folder / "buckets")
        elif config == "slices":
            write_pictures(captioned, facts, keep, settings.choice, settings.view, shards, log.add)
        else:
            write_volumes(captioned, facts, keep, shards, log.add)
        shards.close()
        if not any(folder.iterdir()):
            raise UsageError(f"configuration {config} came out empty: check --licence and the catalog")


def _manifest(captioned: Captioned, settings: DatasetSettings, salt: bytes) -> dict[str, Any]:
    cohorts = _cohorts(captioned, settings)
    return {
        "made_with": f"braincaption {__version__}",
        "cohorts": {name: asdict(cohort) for name, cohort in cohorts.items()},
        "settings": {name: value for name, value in asdict(settings).items() if name != "configs"},
        "input_sha256": _digest(captioned, salt),
    }


def _cohorts(captioned: Captioned, settings: DatasetSettings) -> dict[str, Cohort]:
    catalog = captioned.catalog
    return read_cohorts(replace(catalog, table=_under(catalog.table, settings.licence)))


def _under(table: pa.Table, licence: str | None) -> pa.Table:
    return table if licence is None else table.filter(pc.equal(table["licence"], licence))


def _digest(captioned: Captioned, salt: bytes) -> str:
    total = hashlib.sha256(hashlib.sha256(salt).digest())
    files = [captioned.path / "catalog.parquet"]
    files += [path for part in captioned.parts for path in (part.slices, part.captions) if path is not None]
    for path in files:
        with path.open("rb") as handle:
            total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()


def _done(out: Path, manifest: dict[str, Any]) -> list[str]:
    path = out / MANIFEST
    if not path.is_file():
        return []
    before = json.loads(path.read_text(encoding="utf-8"))
    same = {key: value for key, value in before.items() if key != "done"} == json.loads(json.dumps(manifest))
    done = [config for config in before.get("done", []) if (out / config).is_dir()] if same else []
    for config in CONFIGS:
        if config not in done:
            shutil.rmtree(out / config, ignore_errors=True)
    return done


def _write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    with atomic_path(out / MANIFEST) as aside:
        aside.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _copy_names(source: Path, out: Path) -> None:
    if (source / "lut.tsv").is_file():
        with atomic_path(out / "lut.tsv") as aside:
            shutil.copyfile(source / "lut.tsv", aside)
