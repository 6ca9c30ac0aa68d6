"""The report: three files, text escaped, undefined metrics with their reason; the commands and their exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from braincaption.brain import build as brain
from braineval.report import Figure, Group, Section, build
from braineval.settings import Settings
from braineval.slices import Slices

QUICK = Settings(draws=20, floor_draws=1)
PLAIN = ("ssim", "frechet", "precision")
CHOSEN = ("ssim", "ms-ssim", "ssim-diversity", "contrast-accuracy")


@pytest.fixture(scope="module")
def generated_folder(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[..., Slices], write_folder: Callable[..., Path]
) -> Path:
    some = make(people=9, positions=6, seed=7)
    return write_folder(tmp_path_factory.mktemp("made") / "drawn", some.select(range(0, len(some), 10)), generated=True)


def test_report_names_what_is_not_defined_and_escapes(
    tmp_path: Path, real_folder: Path, generated_folder: Path
) -> None:
    evil = "<script>alert(1)</script>"
    own = Section(
        title=f"Slices {evil}",
        groups=(Group(figures=(Figure(image=np.zeros((4, 4), np.uint8), caption=evil),), layout="cards"),),
    )
    page = build(
        real_folder,
        {evil: generated_folder, "copy": real_folder},
        tmp_path / "report",
        settings=QUICK,
        chosen=CHOSEN,
        before=[own],
    )
    text = page.read_text()
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "http://" not in text and "https://" not in text
    record = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [score["metric"] for score in record["copy"]["scores"]] == ["ssim", "ssim-diversity", "contrast-accuracy"]
    assert "161 pixels" in record["copy"]["not_defined"][0]["because"]
    assert "<script" not in (tmp_path / "report" / "report.md").read_text()
    assert "Reconstructions" in text and "FLAIR: " in text


def test_report_is_the_same_bytes_twice(tmp_path: Path, real_folder: Path, generated_folder: Path) -> None:
    pages = [
        build(real_folder, {"a": generated_folder}, tmp_path / name, settings=QUICK, chosen=PLAIN).read_bytes()
        for name in ("one", "two")
    ]
    assert pages[0] == pages[1]


def test_the_papers_tables_are_filled_by_split_with_their_counts(
    tmp_path: Path, real_folder: Path, generated_folder: Path
) -> None:
    arguments = ["eval", "report", str(real_folder), f"copy={real_folder}", f"drawn={generated_folder}"]
    options = ["--metric", "ssim", "--protocol", "paper", "--draws", "5", "--out", str(tmp_path)]
    done = CliRunner().invoke(brain(), [*arguments, *options])
    assert done.exit_code == 0, done.stderr
    rows = json.loads((tmp_path / "paper.json").read_text())
    assert [(row["table"], row["side"], row["paper"]) for row in rows if row["paper"]] == [
        ("I", "train", 0.984),
        ("I", "test", 0.977),
        ("II", "train and validation", 16.9),
        ("II", "test", 17.9),
    ]
    assert "161 pixels" in rows[0]["reason"] and "Inception weights" in rows[2]["reason"]
    filled = [row for row in rows if row["metric"] == "frechet-built-in"]
    # Six people of eight are training people; 13 of the 17 slices drawn are of them.
    counts = [(row["score"]["n_real"], row["score"]["n_generated"]) for row in filled]
    assert sum(n for _, n in counts) == 17 and [n for n, _ in counts] == [108, 36]
    assert all(row["wanted"] == [10_000, 1_000] for row in filled)
    assert "Tables I and II" in (tmp_path / "report.html").read_text()
    wrong = CliRunner().invoke(brain(), [*arguments, "--protocol", "other", "--out", str(tmp_path / "none")])
    assert wrong.exit_code == 2 and "not known" in wrong.stderr and not (tmp_path / "none").exists()


def test_the_table_of_controllable_mr_has_every_contrast_and_both_bounds(
    tmp_path: Path, real_folder: Path, generated_folder: Path
) -> None:
    arguments = ["eval", "report", str(real_folder), f"copy={real_folder}", f"drawn={generated_folder}"]
    options = ["--metric", "ssim", "--protocol", "controllable", "--draws", "5", "--out", str(tmp_path)]
    done = CliRunner().invoke(brain(), [*arguments, *options])
    assert done.exit_code == 0, done.stderr
    cells = json.loads((tmp_path / "controllable.json").read_text())
    assert len(cells) == 2 * (2 * 3 + 6)
    found = {(cell["model"], cell["metric"], cell["contrast"]): cell for cell in cells}
    for contrast in ("T1w", "T2w", "FLAIR"):
        copied = found["copy", "frechet", contrast]["score"]
        assert (copied["value"], copied["n_real"]) == (pytest.approx(0, abs=1e-3), 48), "each contrast with its own"
        assert "Inception weights" in found["copy", "fid", contrast]["reason"]
    for metric in ("ssim-contrasts", "nmi-contrasts", "ncc-contrasts"):
        score = found["copy", metric, None]["score"]
        assert score["value"] == pytest.approx(score["floor"]["halves"]), "a copy is as alike as the real pairs"
        assert score["floor"]["halves"] > score["floor"]["people"]
    assert "no CLIP at" in found["copy", "clip-score-contrast", None]["reason"]
    text = (tmp_path / "report.html").read_text()
    assert "The table of Controllable-MR" in text
    assert all(f"<td>{value}</td>" in text for value in ("46.58", "0.743", "29.90"))


def test_the_page_draws_distances_by_number_of_slices(
    tmp_path: Path, real_folder: Path, generated_folder: Path
) -> None:
    page = build(real_folder, {"a": generated_folder}, tmp_path, settings=QUICK, chosen=("frechet",)).read_text()
    assert "Distance by number of slices" in page
    assert page.count('<polyline class="measured"') == 1 and page.count('<polyline class="floor"') == 1


def test_commands_end_with_the_codes_of_the_contract(tmp_path: Path, real_folder: Path) -> None:
    run = CliRunner().invoke
    app = brain()
    good = run(app, ["eval", "ssim", str(real_folder), str(real_folder), "--out", str(tmp_path / "ssim.json")])
    assert good.exit_code == 0 and json.loads((tmp_path / "ssim.json").read_text())["value"] == pytest.approx(1)
    missing = run(app, ["eval", "ssim", str(tmp_path / "none"), str(real_folder)])
    assert missing.exit_code == 2 and "none" in missing.stderr
    small = run(app, ["eval", "ms-ssim", str(real_folder), str(real_folder), "--out", str(tmp_path / "ms.json")])
    assert small.exit_code == 2 and "use ssim" in small.stderr and not (tmp_path / "ms.json").exists()
    (tmp_path / "empty").mkdir()
    empty = run(app, ["eval", "report", str(tmp_path / "empty"), str(real_folder), "--out", str(tmp_path / "out")])
    assert empty.exit_code == 2 and not (tmp_path / "out").exists()
    coloured = tmp_path / "coloured"
    shutil.copytree(real_folder, coloured)
    first = sorted(coloured.glob("images/??/*.png"))[3]
    Image.open(first).convert("RGB").save(first)
    for sides in ((coloured, real_folder), (real_folder, coloured)):
        rgb = run(app, ["eval", "ssim", *map(str, sides)])
        assert rgb.exit_code == 2 and "8-bit grey" in rgb.stderr
    twice = run(app, ["eval", "report", str(real_folder), "a=x", "a=y", "--out", str(tmp_path / "out")])
    assert twice.exit_code == 2 and "two folders" in twice.stderr


def test_weights_of_an_unknown_extractor_are_refused(tmp_path: Path, real_folder: Path, generated_folder: Path) -> None:
    command = ["eval", "report", str(real_folder), str(generated_folder), "--out", str(tmp_path / "r")]
    for text in ("nonsense=x.pt", "inception"):
        done = CliRunner().invoke(brain(), [*command, "--weights", text])
        assert done.exit_code == 2
        assert f"--weights {text} is no EXTRACTOR=FILE" in done.stderr
        assert not (tmp_path / "r").exists()


def test_an_absent_weights_file_stands_in_the_report_with_its_name(
    tmp_path: Path, real_folder: Path, generated_folder: Path
) -> None:
    options = ["--metric", "fid", "--weights", f"inception={tmp_path / 'none.pth'}", "--draws", "5"]
    command = ["eval", "report", str(real_folder), str(generated_folder), "--out", str(tmp_path / "r"), *options]
    done = CliRunner().invoke(brain(), command)
    assert done.exit_code == 0, done.output
    undefined = json.loads((tmp_path / "r" / "report.json").read_text())["drawn"]["not_defined"]
    assert "none.pth" in undefined[0]["because"]
