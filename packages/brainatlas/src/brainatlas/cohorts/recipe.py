"""A ``recipe.toml`` in, the checked description of one source's layout, people and licence out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts.acquisition import Acquisition
from brainatlas.cohorts.model import REDISTRIBUTION
from brainatlas.cohorts.names import safe_name
from brainatlas.cohorts.people import Person, read_person
from braincaption.errors import UsageError
from braincaption.schema import PLANES

READINGS = ("reconstruction_rss", "kspace")


@dataclass(frozen=True, kw_only=True)
class ImagePattern:
    """Which files are images.

    Attributes
    ----------
    path : str
        Regular expression for the end of a path, from a folder's border on; its named groups (``subject`` at least)
        fill the templates ``{subject}`` below and in the recipe.
    sequence : str or mapping
        BIDS suffix, or the suffix for each value of the group ``sequence``.
    session : str
        Template of the session label; empty where there is none.
    stripped : bool or None
    labels, mask : tuple of str
        Templates of paths relative to the image's folder; the first that exists is taken.
    """

    path: str
    sequence: str | Mapping[str, str] = "T1w"
    session: str = ""
    stripped: bool | None = None
    labels: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression, to be matched against a whole path below the root."""
        return re.compile(rf"(?:.*/)?(?:{self.path})")


@dataclass(frozen=True, kw_only=True)
class Hdf5Pattern:
    """Which files are scans of a source in HDF5, and how they are read (`brain atlas slices`).

    Attributes
    ----------
    path : str
        As of `ImagePattern`; the groups ``subject`` and ``sequence`` are musts, ``repetition`` marks files that are
        averaged.
    sequence : mapping of str to str
        Name of the sequence for each value of the group ``sequence``.
    read : str
        ``reconstruction_rss``: that data set's magnitudes; ``kspace``: that data set, reconstructed.
    person : str
        Attribute of the file that names its person; empty: the subject is the person.
    plane : str
        Of the slices: axial, coronal or sagittal.
    repetitions : mapping of str to int
        How many a scan has, for each value of the group ``sequence``; fewer are told.
    field_strengths : tuple of float
        Nominal ones, tesla: a magnet of 2.8936 T is called one of 3 T.
    """

    path: str
    sequence: Mapping[str, str]
    read: str
    person: str = ""
    plane: str = "axial"
    repetitions: Mapping[str, int] = field(default_factory=dict)
    field_strengths: tuple[float, ...] = ()

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression, to be matched against a whole path below the root."""
        return re.compile(rf"(?:.*/)?(?:{self.path})")


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Files (by `path`) or people (by a `column` of the demographics above a number) that are left out."""

    because: str
    path: str = ""
    column: str = ""
    above: float = 0.0
    apply: bool = True


@dataclass(frozen=True, kw_only=True)
class Demographics:
    """A table of people that comes with the source.

    Attributes
    ----------
    files : tuple of str
        Its possible names, anywhere below the cohort's folder or beside it: .csv, .tsv, .xls or .xlsx.
    row : str
        Template that names an image's row.
    id, age, sex : str
        Columns.
    codes : mapping of str to str
        What the sex column's codes mean.
    """

    files: tuple[str, ...]
    row: str
    id: str
    age: str = ""
    sex: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class KnownPerson:
    """A person whom the recipe itself knows: who it is in which subjects, how old, which sex."""

    person: str
    subjects: tuple[str, ...]
    facts: Person


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How scans were acquired whose groups have the values of `where`."""

    where: Mapping[str, str]
    acquisition: Acquisition


@dataclass(frozen=True, kw_only=True)
class Repair:
    """The affine of Analyze files of one shape, whose own header holds none."""

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64] = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One source. `images` is empty where its layout is BIDS, or where it is in HDF5."""

    name: str
    title: str = ""
    licence: str = "unknown"
    redistribution: str = "unknown"
    citation: str = ""
    homepage: str = ""
    obtain: str = ""
    numbering: str | None = None
    stripped: bool | None = None
    images: tuple[ImagePattern, ...] = ()
    hdf5: tuple[Hdf5Pattern, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    demographics: Demographics | None = None
    people: tuple[KnownPerson, ...] = ()
    protocols: tuple[Protocol, ...] = ()
    repairs: tuple[Repair, ...] = ()


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    UsageError
        No such file, no TOML, an unknown or missing key, an expression that does not compile.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"recipe {path} cannot be read ({error.strerror}): check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe {path} is no TOML ({error}): repair it") from None
    try:
        return _recipe(content)
    except (TypeError, ValueError, AttributeError, KeyError, re.error) as error:
        said = " ".join(str(error).split())
        raise UsageError(f"recipe {path} is not as wanted ({said}): see docs/cohorts.md for its keys") from None


def _recipe(content: Mapping[str, Any]) -> Recipe:
    _refuse_unknown_keys(content, Recipe, "the recipe")
    given = dict(content)
    images = tuple(_image(entry) for entry in given.pop("images", ()))
    recipe = Recipe(
        images=images,
        hdf5=tuple(_hdf5(entry) for entry in given.pop("hdf5", ())),
        excluded=tuple(_exclusion(entry) for entry in given.pop("excluded", ())),
        demographics=_demographics(given.pop("demographics", None)),
        people=tuple(_known(entry) for entry in given.pop("people", ())),
        protocols=tuple(_protocol(entry) for entry in given.pop("protocols", ())),
        repairs=tuple(_repair(entry) for entry in given.pop("repairs", ())),
        **given,
    )
    for key in ("name", "title", "licence", "redistribution", "citation", "homepage", "obtain"):
        if not isinstance(getattr(recipe, key), str):
            raise ValueError(f"{key} is no text")
    if recipe.name != safe_name(recipe.name) or not recipe.name:
        raise ValueError(f"name {recipe.name!r} may hold letters, digits and hyphens only")
    if recipe.redistribution not in REDISTRIBUTION:
        raise ValueError(f"redistribution {recipe.redistribution!r} is none of {', '.join(REDISTRIBUTION)}")
    return recipe


def _image(entry: Mapping[str, Any]) -> ImagePattern:
    _refuse_unknown_keys(entry, ImagePattern, "[[images]]")
    given = {**entry, "labels": _texts(entry.get("labels", ())), "mask": _texts(entry.get("mask", ()))}
    pattern = ImagePattern(**given)
    groups = set(pattern.compiled.groupindex)
    if "subject" not in groups:
        raise ValueError(f"path {pattern.path!r} has no group (?P<subject>…)")
    for template in (pattern.session, *pattern.labels, *pattern.mask):
        template.format_map(dict.fromkeys(groups, ""))
    if not isinstance(pattern.sequence, str) and "sequence" not in groups:
        raise ValueError(f"path {pattern.path!r} has no group (?P<sequence>…), which the table sequence needs")
    return pattern


def _hdf5(entry: Mapping[str, Any]) -> Hdf5Pattern:
    _refuse_unknown_keys(entry, Hdf5Pattern, "[[hdf5]]")
    fields_t = tuple(float(one) for one in entry.get("field_strengths", ()))
    pattern = Hdf5Pattern(**{**entry, "field_strengths": fields_t})
    if not {"subject", "sequence"} <= set(pattern.compiled.groupindex):
        raise ValueError(f"path {pattern.path!r} has no group (?P<subject>…) or (?P<sequence>…)")
    if pattern.read not in READINGS:
        raise ValueError(f"read {pattern.read!r} is none of {', '.join(READINGS)}")
    if pattern.plane not in PLANES:
        raise ValueError(f"plane {pattern.plane!r} is none of {', '.join(PLANES)}")
    return pattern


def _exclusion(entry: Mapping[str, Any]) -> Exclusion:
    _refuse_unknown_keys(entry, Exclusion, "[[excluded]]")
    exclusion = Exclusion(**entry)
    re.compile(exclusion.path)
    if not exclusion.path and not exclusion.column:
        raise ValueError("[[excluded]] needs a path or a column")
    return exclusion


def _demographics(entry: Mapping[str, Any] | None) -> Demographics | None:
    if entry is None:
        return None
    _refuse_unknown_keys(entry, Demographics, "[demographics]")
    codes = {str(key): str(value) for key, value in entry.get("codes", {}).items()}
    return Demographics(**{**entry, "files": _texts(entry.get("files", ())), "codes": codes})


def _known(entry: Mapping[str, Any]) -> KnownPerson:
    unknown = set(entry) - {"person", "subjects", "age", "sex"}
    if unknown:
        raise ValueError(f"[[people]] does not know {', '.join(sorted(unknown))}")
    facts, remarks = read_person(str(entry.get("age", "")), str(entry.get("sex", "")))
    if remarks:
        raise ValueError(f"[[people]] {entry['person']}: {remarks[0]}")
    return KnownPerson(person=str(entry["person"]), subjects=_texts(entry["subjects"]), facts=facts)


def _protocol(entry: Mapping[str, Any]) -> Protocol:
    given = dict(entry)
    where = {str(key): str(value) for key, value in given.pop("where", {}).items()}
    _refuse_unknown_keys(given, Acquisition, "[[protocols]]")
    return Protocol(where=where, acquisition=Acquisition(**given))


def _repair(entry: Mapping[str, Any]) -> Repair:
    _refuse_unknown_keys(entry, Repair, "[[repairs]]")
    affine = np.array(entry["affine"], dtype=np.float64)
    if affine.shape != (4, 4) or abs(np.linalg.det(affine[:3, :3])) == 0:
        raise ValueError("[[repairs]] affine is no 4×4 matrix that can be inverted")
    first, second, third = (int(length) for length in entry["shape"])
    return Repair(shape=(first, second, third), affine=affine)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
        return tuple(value)
    raise ValueError(f"{value!r} is no text or list of texts")


def _refuse_unknown_keys(entry: Mapping[str, Any], kind: type, where: str) -> None:
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ValueError(f"{where} does not know {', '.join(unknown)}; it knows {', '.join(sorted(known))}")
