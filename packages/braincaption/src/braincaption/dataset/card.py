"""A dataset folder's shards in, its card (README.md), Croissant metadata, citation and pictures out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from braincaption import __version__
from braincaption.atomic import atomic_path
from braincaption.dataset.cohorts import Cohort
from braincaption.dataset.columns import SCHEMAS
from braincaption.dataset.croissant import croissant
from braincaption.dataset.settings import CONFIGS, DatasetSettings
from braincaption.dataset.sheet import contact_sheet
from braincaption.dataset.statistics import Statistics, leak, statistics
from braincaption.lut import Lut, load_lut
from braincaption.render.window import RULE
from braincaption.splits import SIDES, SPLITS

NAME = "brain-mri-slices-and-captions"
TITLE = "Brain MRI slices with captions of what they show"
SHEET = "pictures/slices.png"
_STRUCTURES = 12
PERMISSION_MARK = "<!-- permission -->"


def write_card(out: Path, settings: DatasetSettings, cohorts: Mapping[str, Cohort]) -> None:
    """Write pictures, ``CITATION.cff``, ``croissant.json`` and, last, ``README.md``."""
    configs = [config for config in CONFIGS if any((out / config).glob("*.parquet"))]
    figures = {config: statistics(out / config) for config in configs}
    sheet = contact_sheet(out / "slices")
    if sheet is not None:
        _write(out / SHEET, sheet[0])
    _write(out / "CITATION.cff", _citation(cohorts.values()))
    metadata = croissant(out, _facts(cohorts.values(), figures), configs)
    _write(out / "croissant.json", json.dumps(metadata, indent=1, ensure_ascii=False) + "\n")
    rows = sheet[1] if sheet is not None else []
    _write(out / "README.md", _card(out, settings, cohorts.values(), figures, rows))


def _write(path: Path, content: str | bytes) -> None:
    with atomic_path(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


def _card(
    out: Path,
    settings: DatasetSettings,
    cohorts: Iterable[Cohort],
    figures: Mapping[str, Statistics],
    sequences: list[str],
) -> str:
    first = next(iter(figures))
    lut = load_lut(out / "lut.tsv") if (out / "lut.tsv").is_file() else None
    parts = [
        _front_matter(out, cohorts, figures),
        f"# {TITLE}\n\n{_summary(figures)}",
        _picture(settings, sequences),
        PERMISSION_MARK,
        "## Open it\n\n```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("REPO_OR_FOLDER", "{first}", split="train")\n```\n\n'
        "The shards are plain Parquet: pandas, polars, pyarrow and DuckDB read them as they are, for example\n"
        f"`duckdb.sql(\"select count(*) from '{first}/*.parquet' where age > 70\")`.",
        _split_section(out, settings, figures),
        _source_section(cohorts),
        "## Figures\n\n" + "\n\n".join(_figures(config, found, lut) for config, found in figures.items()),
        "## Columns\n\n" + "\n\n".join(_columns(config) for config in figures),
        _privacy(),
        "## Citation\n\nSee `CITATION.cff`. Please cite the sources too:\n\n" + _cite(cohorts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(out: Path, cohorts: Iterable[Cohort], figures: Mapping[str, Statistics]) -> str:
    lines = ["---", f"pretty_name: {TITLE}", "license: other", "license_name: per-source", "language: [en]"]
    lines += [
        "task_categories: [image-to-text, text-to-image]",
        "tags: [medical, mri, brain, neuroimaging]",
        "configs:",
    ]
    for config in figures:
        lines += [f"- config_name: {config}"] + (["  default: true"] if config == "text" else []) + ["  data_files:"]
        for split in SPLITS:
            if any((out / config).glob(f"{split}-*.parquet")):
                lines += [f"  - split: {split}", f"    path: {config}/{split}-*.parquet"]
    return "\n".join([*lines, "---"])


def _summary(figures: Mapping[str, Statistics]) -> str:
    people = set().union(*(people for found in figures.values() for people in found.people.values()))
    counts = ", ".join(f"{sum(found.rows.values()):,} rows of `{config}`" for config, found in figures.items())
    return (
        f"{counts}, from {len(people)} people. A row says what one slice of a brain scan shows: plane, position, "
        "acquisition, and every labelled structure with its volume on the slice in mm³ (voxel count × voxel volume). "
        f"Made with braincaption {__version__}."
    )


def _picture(settings: DatasetSettings, sequences: list[str]) -> str:
    if not sequences:
        return ""
    side = settings.view.side("axial")
    return (
        f"![slices]({SHEET})\n\nFrom top to bottom: {', '.join(sequences)}. Pictures are {settings.view.size}×"
        f"{settings.view.size} pixels of {settings.view.pixel_mm:g} mm, 8-bit grey ({RULE}), {side} "
        f"(the patient's left is on the {'left' if settings.view.neurological else 'right'})."
    )


def _split_section(out: Path, settings: DatasetSettings, figures: Mapping[str, Statistics]) -> str:
    if not settings.choice.paper_split:
        return (
            "## Splits\n\nBy person: all scans of a person are on one side. A row whose image and whose space belong "
            "to people of different sides is in `cross`, outside train, validation and test. People whose manual "
            "labels were carried to others are in train."
        )
    rows = []
    for config in figures:
        seen = leak(out / config)
        shares = " | ".join(f"{100 * value:.1f} %" for value in (seen.person, seen.volume, seen.neighbour))
        rows.append(f"| {config} | {shares} |")
    return (
        "## Splits\n\n**These splits leak.** They were drawn at random, row by row, as in the paper that this dataset "
        "follows, so that train and test share people. Use them to compare with that paper, not to judge a model. Of "
        "the rows in test, so many have in train\n\n| configuration | a row of the same person | a row of the same "
        "volume | the neighbouring slice |\n|---|---|---|---|\n" + "\n".join(rows)
    )


def _source_section(cohorts: Iterable[Cohort]) -> str:
    lines = ["## Sources and licences", "", "| cohort | gives | licence | redistribution | heads |"]
    lines.append("|---|---|---|---|---|")
    for cohort in cohorts:
        heads = "removed" if cohort.stripped else "not known to be removed"
        lines.append(
            f"| {cohort.name} | {', '.join(cohort.roles)} | {cohort.licence} | {cohort.redistribution} | {heads} |"
        )
    lines += ["", "The licence of a row's image stands in its column `licence`; whose manual labels it carries, in "]
    lines[-1] += "`label_subjects`."
    return "\n".join(lines)


def _figures(config: str, found: Statistics, lut: Lut | None) -> str:
    lines = [f"### {config}", "", f"{found.files} shards, {found.bytes / 1e6:,.1f} MB.", ""]
    lines += ["| split | rows | volumes | people |", "|---|---|---|---|"]
    for split in SPLITS:
        if found.rows[split]:
            numbers = found.rows[split], len(found.volumes[split]), len(found.people[split])
            lines.append(f"| {split} | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    for name in ("cohort", "sequence", "plane", "sex"):
        if name in found.by:
            lines += ["", f"{name}: " + _counted(found.by[name])]
    if found.ages:
        decades = Counter(f"{int(age // 10) * 10}s" if age < 90 else "90 and over" for age in found.ages.values())
        lines += ["", "people by age: " + ", ".join(f"{age}: {n}" for age, n in sorted(decades.items()))]
    if found.structures:
        shown = sorted(found.structures.items(), key=lambda pair: (-pair[1], pair[0]))[:_STRUCTURES]
        lines += ["", f"{len(found.structures)} labels (names in `lut.tsv`), of which most slices show:", ""]
        lines += ["| label | structure | slices |", "|---|---|---|"]
        lines += [f"| {label} | {lut.phrase(label) if lut else ''} | {number:,} |" for label, number in shown]
    return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))


def _columns(config: str) -> str:
    lines = [f"### {config}", "", "| column | type | meaning |", "|---|---|---|"]
    for item in SCHEMAS[config]:
        meaning = (item.metadata or {}).get(b"description", b"").decode()
        kind = str(item.type).replace("element: ", "").replace("child 0, ", "").replace(" not null", "")
        lines.append(f"| `{item.name}` | `{kind}` | {meaning} |")
    return "\n".join(lines)


def _privacy() -> str:
    return (
        "## Privacy\n\nIds are pseudonyms under a secret salt that is not published; rows are in the order of the "
        "pseudonyms. Ages of 90 and over are given as 90. NIfTI headers were made anew: they hold the grid and nothing "
        "else. Do not try to identify anyone."
    )


def _cite(cohorts: Iterable[Cohort]) -> str:
    return "\n".join(f"- {cohort.name}: {cohort.citation or 'no citation is known'}" for cohort in cohorts)


def _citation(cohorts: Iterable[Cohort]) -> str:
    lines = ["cff-version: 1.2.0", "message: Please cite this dataset and its sources.", "type: dataset"]
    lines += [f"title: {json.dumps(TITLE)}", "authors:", '- name: "The makers of this dataset"']
    cited = [cohort for cohort in cohorts if cohort.citation]
    if cited:
        lines.append("references:")
    for cohort in cited:
        lines += ["- type: data", f"  title: {json.dumps(cohort.name)}", '  authors:\n  - name: "see notes"']
        lines.append(f"  notes: {json.dumps(cohort.citation, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _facts(cohorts: Iterable[Cohort], figures: Mapping[str, Statistics]) -> dict[str, object]:
    sources = sorted({cohort.licence for cohort in cohorts})
    return {
        "name": NAME,
        "description": f"{TITLE}. {_summary(figures)}",
        "license": sources,
        "citeAs": "; ".join(cohort.citation for cohort in cohorts if cohort.citation) or TITLE,
        "version": __version__,
        "keywords": ["brain", "MRI", "captions", *SIDES],
    }
