"""The shards of a dataset folder in, Croissant 1.0 metadata (JSON-LD) out; passes ``mlcroissant validate``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from braincaption.dataset.columns import SCHEMAS, SPECIAL

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {pa.string(): "sc:Text", pa.float32(): "sc:Float", pa.float64(): "sc:Float"}
_PARQUET = "application/x-parquet"


def croissant(folder: Path, facts: Mapping[str, Any], configs: list[str]) -> dict[str, Any]:
    """Return the metadata of a dataset folder.

    Parameters
    ----------
    folder : Path
        With the shards of every configuration.
    facts : mapping
        ``name``, ``description``, ``license`` (list), ``citeAs``, ``version``.
    configs : list of str
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **facts,
        "distribution": [item for config in configs for item in _distribution(folder, config)],
        "recordSet": [_record_set(config) for config in configs],
    }


def _distribution(folder: Path, config: str) -> list[dict[str, Any]]:
    shards = sorted((folder / config).glob("*.parquet"))
    files = [_file(folder, path) for path in shards]
    together = {
        "@type": "cr:FileSet",
        "@id": f"shards-{config}",
        "name": f"shards-{config}",
        "description": f"Parquet shards of configuration {config}",
        "encodingFormat": _PARQUET,
        "includes": f"{config}/*.parquet",
    }
    return [*files, together]


def _file(folder: Path, path: Path) -> dict[str, Any]:
    name = path.relative_to(folder).as_posix()
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _PARQUET,
        "sha256": digest,
    }


def _record_set(config: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": f"Rows of configuration {config}",
        "field": [_field(config, item) for item in SCHEMAS[config]],
    }


def _field(config: str, item: pa.Field) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{config}/{item.name}",
        "name": item.name,
        "description": (item.metadata or {}).get(b"description", b"").decode(),
    }
    if pa.types.is_list(item.type) or pa.types.is_fixed_size_list(item.type):
        field["repeated"] = True
    inner = item.type.value_type if "repeated" in field else item.type
    if item.name in SPECIAL[config]:
        field["dataType"] = "sc:ImageObject" if config == "slices" else "sc:Text"
        field["source"] = _source(config, item.name, "bytes")
    elif pa.types.is_struct(inner):
        field["subField"] = [_part(config, item.name, part) for part in inner]
    else:
        field["dataType"] = _type(inner)
        field["source"] = _source(config, item.name)
    return field


def _part(config: str, column: str, part: pa.Field) -> dict[str, Any]:
    name = f"{config}/{column}/{part.name}"
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": part.name,
        "dataType": _type(part.type),
        "source": _source(config, column, part.name),
    }


def _source(config: str, column: str, inside: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"fileSet": {"@id": f"shards-{config}"}, "extract": {"column": column}}
    return found | ({"transform": {"jsonPath": inside}} if inside else {})


def _type(kind: pa.DataType) -> str:
    return "sc:Integer" if pa.types.is_integer(kind) else _TYPES.get(kind, "sc:Text")
