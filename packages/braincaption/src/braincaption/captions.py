"""The slice table in, a caption for every row out: drawn by a hash of seed and slice key, whatever made the parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.assembly import LONGEST_CAPTION, assemble, draw_templates
from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.engine import Workers, run_jobs
from braincaption.errors import BrainError, UsageError
from braincaption.frames import Context, Frames, NounTable, compile_frames, compile_nouns
from braincaption.language import language_folder, load_language
from braincaption.lut import Lut, load_lut
from braincaption.parts import CAPTIONS_FOLDER, RUN_KEY, SLICES_FOLDER, Part, list_parts, missing_parts, run_record
from braincaption.progress import track
from braincaption.schema import CAPTIONS, PLANES
from braincaption.tokens import WordCounts, load_tokenizer
from braincaption.wording import load_wordings

_COLUMNS = ["volume_id", "plane", "index", "position_mm", "sequence", "field_strength_t", "age", "sex", "structures"]
_REPEATED = ["volume_id", "plane", "sequence", "sex"]
_ZSTD_LEVEL = 3
_CHECKED_PER_GROUP = 32
# Labels of less than this are said to cover a part of the brain, not the brain, millilitres.
_WHOLE_BRAIN_ML = 300.0
# Borders between the five levels, as fractions of the labelled extent.
_LEVELS = np.array([0.12, 0.42, 0.58, 0.88])


@dataclass(frozen=True, kw_only=True)
class CaptionSettings:
    """What the captions depend on, besides the slices.

    Attributes
    ----------
    seed : int
    language : str
        Code of a language of the package, or a folder.
    max_tokens : int or None
        Most tokens a caption may have, special ones included.
    tokenizer : str or None
        See `braincaption.tokens.load_tokenizer`; needed with `max_tokens`.
    organ : str or None
        What the labels cover, None for the brain.
    """

    seed: int = 0
    language: str = "en"
    max_tokens: int | None = None
    tokenizer: str | None = None
    organ: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Job:
    source: Path
    target: Path
    lut: Lut
    settings: CaptionSettings
    run: dict[str, Any]
    contents: str


def write_captions(out: Path, *, settings: CaptionSettings, workers: Workers) -> int:
    """Write ``out/captions``, a part for each part of ``out/slices``; return the captions written.

    Parameters
    ----------
    out : Path
        An OUT of `braincaption.tabulate.tabulate`. Finished parts of the same settings are kept.
    settings : CaptionSettings
    workers : Workers

    Raises
    ------
    UsageError
        No slice table, another run's captions, an unknown language or tokenizer, or a limit too small for any caption.
    """
    if (settings.max_tokens is None) != (settings.tokenizer is None):
        raise UsageError("--max-tokens and --tokenizer belong together: give both or neither")
    slices = list_parts(out / SLICES_FOLDER)
    parts = [Part(number=number, of=len(slices)) for number in range(len(slices))]
    identity = _identity(settings)
    records = [run_record(path) for path in slices]
    contents = {part.number: _digest(record) for part, record in zip(parts, records, strict=True)}
    runs = [{**identity, "slices": record.get("run")} for record in records]
    missing = [
        part
        for part, run in zip(parts, runs, strict=True)
        if missing_parts(out / CAPTIONS_FOLDER, [part], run, contents)
    ]
    remove_leftovers(out / CAPTIONS_FOLDER)
    lut = load_lut(out / "lut.tsv")
    jobs = [
        _Job(
            source=slices[part.number],
            target=out / CAPTIONS_FOLDER / part.file_name,
            lut=lut,
            settings=settings,
            run=runs[part.number],
            contents=contents[part.number],
        )
        for part in missing
    ]
    return sum(track(run_jobs(_caption_part, jobs, workers), "Writing captions", total=len(jobs)))


def _identity(settings: CaptionSettings) -> dict[str, Any]:
    # What decides the captions' bytes: the wordings themselves and the tokenizer itself, not where they lie.
    digest = hashlib.sha256()
    folder = language_folder(settings.language)
    load_wordings(settings.language)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".toml", ".tsv"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    known = {**asdict(settings), "language": digest.hexdigest()}
    known["tokenizer"] = load_tokenizer(settings.tokenizer).identity if settings.tokenizer else None
    return known


def _digest(record: dict[str, Any]) -> str:
    # Of what a slice part holds: counted again, after a repair or a correction, its captions are written again.
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _caption_part(job: _Job) -> int:
    captioner = Captioner(job.lut, job.settings)
    file = pq.ParquetFile(job.source, read_dictionary=_REPEATED)
    rows = 0
    with (
        atomic_path(job.target) as aside,
        pq.ParquetWriter(
            aside,
            CAPTIONS,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=["volume_id", "plane", "template"],
            write_statistics=["volume_id", "plane", "index", "template"],
        ) as writer,
    ):
        for group in range(file.num_row_groups):
            table = captioner.captions(file.read_row_group(group, columns=_COLUMNS))
            rows += table.num_rows
            writer.write_table(table, row_group_size=max(1, table.num_rows))
        writer.add_key_value_metadata({RUN_KEY: json.dumps({"run": job.run, "contents": job.contents}).encode()})
    return rows


class Captioner:
    """Captions for slice tables of one look-up table, in one language.

    Parameters
    ----------
    lut : Lut
    settings : CaptionSettings
    """

    def __init__(self, lut: Lut, settings: CaptionSettings) -> None:
        self._lut, self._settings = lut, settings
        self._language = load_language(settings.language)
        self._wordings = load_wordings(settings.language)
        self._words: WordCounts | None = load_tokenizer(settings.tokenizer) if settings.tokenizer else None
        self._limit = (settings.max_tokens or 0) - (self._words.special if self._words else 0)
        if self._words and self._limit < 1:
            raise UsageError(f"--max-tokens {settings.max_tokens} leaves no room for a caption: give more")
        signs = (self._language.words["thousands"], self._language.words["decimal"])
        self._signs = tuple(np.frombuffer(sign.encode(), np.uint8) for sign in signs)
        self._frames = lru_cache(maxsize=64)(self._compiled_frames)
        self._nouns = lru_cache(maxsize=8)(self._compiled_nouns)
        self._numbers = np.array([wording.number for wording in self._wordings], np.uint8)

    def captions(self, slices: pa.Table) -> pa.Table:
        """Return the captions of whole volumes.

        Parameters
        ----------
        slices : pyarrow.Table
            Rows of the slice table in its order; a volume's rows all stand in it.

        Returns
        -------
        pyarrow.Table
            Of schema `braincaption.schema.CAPTIONS`, a row for each row of `slices`.
        """
        slices = slices.combine_chunks()
        texts: list[npt.NDArray[np.uint8]] = []
        lengths: list[npt.NDArray[np.int32]] = []
        templates: list[npt.NDArray[np.uint8]] = []
        for volume in _volumes(slices):
            text, length, template = self._volume(volume)
            texts.append(text)
            lengths.append(length)
            templates.append(template)
        offsets = np.zeros(slices.num_rows + 1, np.int32)
        if lengths:
            np.cumsum(np.concatenate(lengths), out=offsets[1:])
        joined = np.concatenate(texts) if texts else np.zeros(0, np.uint8)
        captions = pa.StringArray.from_buffers(slices.num_rows, pa.py_buffer(offsets), pa.py_buffer(joined))
        drawn = np.concatenate(templates) if templates else np.zeros(0, np.uint8)
        self._check(captions)
        own = {"template": pa.array(self._numbers[drawn]), "caption": captions}
        columns = [own[field.name] if field.name in own else slices[field.name].cast(field.type) for field in CAPTIONS]
        return pa.table(columns, schema=CAPTIONS)

    def _check(self, captions: pa.StringArray) -> None:
        if self._words and len(captions):
            some = np.unique(np.linspace(0, len(captions) - 1, _CHECKED_PER_GROUP).astype(np.int64))
            self._words.check(captions.take(pa.array(some)).to_pylist(), self._settings.max_tokens or 0)

    def _volume(self, volume: _Volume) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
        frames = self._frames(volume.context(self._settings.organ))
        nouns = self._nouns(tuple(np.unique(volume.label).tolist()))
        template = draw_templates(
            volume_hash(self._settings.seed, volume.volume_id), volume.plane, volume.index, len(self._wordings)
        )
        rows = (template, volume.plane, volume.position_mm.astype(np.float64), volume.level(), volume.first)
        text, offsets = self._assembled(rows, (volume.label, volume.voxels, volume.volume_mm3), frames, nouns)
        return text, np.diff(offsets).astype(np.int32), template

    def _assembled(
        self, rows: tuple[Any, ...], entries: tuple[Any, ...], frames: Frames, nouns: NounTable
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        out = np.empty(_bound(len(rows[0]), len(entries[0]), frames, nouns), np.uint8)
        offsets = np.zeros(len(rows[0]) + 1, np.int64)
        spelled, spans = np.empty(_SPELLED_BYTES, np.uint8), np.empty((_SPELLED_WORDS, 3), np.int64)
        programs = (frames.starts, frames.operations, frames.text, frames.offsets)
        while True:
            words = (self._words.keys, self._words.counts) if self._words else _NO_WORDS
            lacking, misfits = assemble(
                rows, entries, programs, _packed(nouns), self._signs, self._limit, words, out, offsets, (spelled, spans)
            )
            if not lacking or self._words is None:
                break
            self._words.learn([(bytes(spelled[a:b]), bool(c)) for a, b, c in spans[:lacking].tolist()])
        if misfits:
            raise UsageError(
                f"--max-tokens {self._settings.max_tokens} is too small for {misfits} slices, even with nothing but "
                "plane and position said: give more"
            )
        return out[: offsets[-1]].copy(), offsets

    def _compiled_frames(self, context: Context) -> Frames:
        return compile_frames(self._language, self._wordings, context)

    def _compiled_nouns(self, labels: tuple[int, ...]) -> NounTable:
        return compile_nouns(self._language, self._wordings, self._lut, labels)


# Room for the words that one pass over a volume meets for the first time; more of them only mean another pass.
_SPELLED_BYTES, _SPELLED_WORDS = 1 << 16, 1 << 12
_NO_WORDS = (np.zeros(1, np.uint64), np.zeros(1, np.int32))


def _packed(nouns: NounTable) -> tuple[Any, ...]:
    return (
        nouns.number_of,
        nouns.partner,
        nouns.is_left,
        nouns.singular,
        nouns.single,
        nouns.pair,
        nouns.joints,
        nouns.text,
        nouns.offsets,
    )


def _bound(rows: int, entries: int, frames: Frames, nouns: NounTable) -> int:
    # More bytes than the captions can have: every operation at its longest, every structure at its longest. Words are
    # counted in place while a caption is still being cut, so one longest caption is added.
    phrase = int(np.diff(frames.offsets).max(initial=0))
    operations = int((frames.starts[..., 1] - frames.starts[..., 0]).max(initial=0))
    structure = 4 * int(np.diff(nouns.offsets).max(initial=0)) + 128
    return rows * operations * (phrase + 32) + entries * structure + LONGEST_CAPTION


def volume_hash(seed: int, volume_id: str) -> np.uint64:
    """Return the 64-bit BLAKE2b hash of seed and volume, from which its slices' wordings are drawn."""
    digest = hashlib.blake2b(f"{seed}\0{volume_id}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


@dataclass(frozen=True, kw_only=True)
class _Volume:
    """The rows of one volume, as arrays; `first` has one item more than there are rows."""

    volume_id: str
    sequence: str
    field_strength_t: float | None
    age: float | None
    sex: str | None
    plane: npt.NDArray[np.int64]
    index: npt.NDArray[np.uint16]
    position_mm: npt.NDArray[np.float32]
    first: npt.NDArray[np.int64]
    label: npt.NDArray[np.uint16]
    voxels: npt.NDArray[np.uint32]
    volume_mm3: npt.NDArray[np.float32]

    def context(self, organ: str | None) -> Context:
        """Return what is constant over the volume."""
        axial = np.repeat(self.plane == 0, np.diff(self.first))
        millilitres = float(self.volume_mm3[axial].sum(dtype=np.float64)) / 1000.0
        return Context(
            sequence=self.sequence,
            field_strength_t=self.field_strength_t,
            age=self.age,
            sex=self.sex,
            whole=organ is not None or millilitres >= _WHOLE_BRAIN_ML,
            organ=organ,
        )

    def level(self) -> npt.NDArray[np.int64]:
        """Return where each slice lies between the first and last labelled slice of its plane, 0 to 4, -1 outside."""
        level = np.full(len(self.plane), -1, np.int64)
        labelled = np.diff(self.first) > 0
        for plane in range(len(PLANES)):
            here = self.plane == plane
            extent = self.position_mm[here & labelled]
            if len(extent) < 5 or extent.max() <= extent.min():
                continue
            fraction = (self.position_mm[here] - extent.min()) / (extent.max() - extent.min())
            found = np.searchsorted(_LEVELS, fraction)
            level[here] = np.where((fraction >= 0) & (fraction <= 1), found, -1)
        return level


def _volumes(slices: pa.Table) -> Iterator[_Volume]:
    if not slices.num_rows:
        return
    ids = _encoded(slices["volume_id"])
    codes = ids.indices.to_numpy()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    planes = _encoded(slices["plane"])
    to_plane = np.array([PLANES.index(name) for name in planes.dictionary.to_pylist()], np.int64)
    plane = to_plane[planes.indices.to_numpy()]
    index, position = slices["index"].to_numpy(), slices["position_mm"].to_numpy()
    structures = slices["structures"].chunk(0)
    offsets = structures.offsets.to_numpy().astype(np.int64)
    entries = structures.values
    label, voxels, volume = (entries.field(name).to_numpy() for name in ("label", "voxels", "volume_mm3"))
    for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        span = slice(int(offsets[a]), int(offsets[b]))
        yield _Volume(
            volume_id=ids.dictionary[int(codes[a])].as_py(),
            **{name: slices[name][a].as_py() for name in ("sequence", "field_strength_t", "age", "sex")},
            plane=plane[a:b],
            index=index[a:b],
            position_mm=position[a:b],
            first=offsets[a : b + 1] - offsets[a],
            label=label[span],
            voxels=voxels[span],
            volume_mm3=volume[span],
        )


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    array = column.chunk(0)
    return array if isinstance(array, pa.DictionaryArray) else array.dictionary_encode()


def caption_error(captions: int, wanted: int) -> BrainError:
    """Return the error for a table whose captions and slices do not go together."""
    return BrainError(f"{captions} captions for {wanted} slices: delete captions/ and run `brain caption write` again")
