"""A reader study with known answers: exact shares and intervals, a plan in balance, and a browser that reloads."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from braineval.reader.plan import StudySettings, make_steps
from braineval.reader.results import f1_of, kappa
from braineval.reader.scale import Scale, load_scale
from braineval.reader.store import Store
from braineval.reader.study import Study
from braineval.resample import wilson
from braineval.slices import Slices, open_slices

Make = Callable[..., Slices]
SCALE = Scale(name="Fazekas", question="How many lesions?", grades=("none", "few", "many"), reference_reader="A")


def found(out: Path, reader: str, measure: str) -> dict[str, Any]:
    rows = pq.read_table(out / "results.parquet").to_pylist()
    return next(row for row in rows if (row["reader"], row["measure"]) == (reader, measure))


def read(study: Study, reader: str, answer: Callable[[Any], int]) -> None:
    while (step := study.place(reader).step) is not None:
        study.answer(reader, step.item, answer(step))


def test_plan_is_balanced_and_its_order_is_the_readers_own(make: Make) -> None:
    real, made = make(people=8), make(people=4, seed=3, name="generated")
    plans = {name: make_steps(real, made, StudySettings(), SCALE, name) for name in "AB"}
    one, other = plans["A"], plans["B"]
    assert [step.item for step in one] != [step.item for step in other]
    assert sorted(step.item for step in one) == sorted(step.item for step in other)
    assert make_steps(real, made, StudySettings(), SCALE, "A") == one
    singles = [step for step in one if step.kind == "single"]
    pairs = [step for step in one if step.kind == "pair"]
    assert (len(singles), len(pairs), len(one)) == (20, 20, 80)
    assert sum(step.truth for step in singles) == 10 and sum(step.truth for step in pairs) == 10
    for step in pairs:
        shown = {picture.side: picture.row for picture in step.pictures}
        assert real.column("sequence")[shown["real"]] == made.column("sequence")[shown["generated"]]
    assert len({step.pictures for step in pairs}) == 20
    # A quality question follows its slice at once.
    places = [i for i, step in enumerate(one) if step.kind == "quality"]
    assert all(one[i].pictures == one[i - 1].pictures for i in places)


def test_results_are_exact_and_go_on_after_a_restart(tmp_path: Path, make: Make) -> None:
    real, made = make(people=8), make(people=4, seed=3, name="generated")
    settings = StudySettings(singles=10, pairs=8, graded=9)
    wrong = {"single-000", "single-003", "pair-001"}

    def knows(step: Any) -> int:
        if step.kind in ("single", "pair"):
            return 1 - step.truth if step.item in wrong else int(step.truth)
        return 4 if step.kind == "quality" else int(step.item[-1]) % 3

    first = Study(real, made, tmp_path, settings, SCALE)
    for _ in range(7):
        step = first.place("A").step
        first.answer("A", step.item, knows(step))  # type: ignore[union-attr]
    again = Study(real, made, tmp_path, settings, SCALE)
    assert again.place("A").answered == 7
    step = again.place("A").step
    assert step is not None
    assert again.answer("A", "another item", 0).step == step, "an answer to another question counts for nothing"
    read(again, "A", knows)
    read(again, "B", lambda step: knows(step) if step.kind != "grade" else 0)
    row = found(tmp_path, "A", "accuracy of single slices")
    assert (row["value"], row["n"], row["interval"]) == (0.8, 10, "Wilson")
    assert (row["low"], row["high"]) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert found(tmp_path, "A", "accuracy of forced choice")["value"] == 0.875
    assert found(tmp_path, "A", "quality of real slices")["value"] == 4
    assert found(tmp_path, "A and B", "kappa of real or synthetic")["value"] == 1
    # Of nine grades 0 1 2 0 1 2 0 1 2 reader B calls every one 0.
    assert found(tmp_path, "B", "F1 of Fazekas 0")["value"] == pytest.approx(0.5)
    assert found(tmp_path, "B", "F1 of Fazekas 1")["value"] == 0
    with pytest.raises(Exception, match="holds another study"):
        Study(real, made, tmp_path, StudySettings(singles=4), SCALE)


def test_a_part_ends_with_its_time(tmp_path: Path, make: Make) -> None:
    now = [1000.0]
    real, made = make(people=8), make(people=4, seed=3, name="generated")
    settings = StudySettings(singles=0, pairs=4, graded=2, minutes=30)
    study = Study(real, made, tmp_path, settings, SCALE, Store(tmp_path, lambda: now[0]))
    step = study.place("A").step
    assert step is not None and step.kind == "pair"
    study.answer("A", step.item, 0)
    now[0] += 30 * 60 + 1
    step = study.place("A").step
    assert step is not None and step.kind == "grade"
    assert study.place("A").seconds_left == 1800


def test_kappa_and_f1_equal_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    one = rng.integers(0, 4, 60)
    other = np.where(rng.random(60) < 0.6, one, rng.integers(0, 4, 60))
    assert kappa(one, other, 4) == pytest.approx(metrics.cohen_kappa_score(one, other))
    assert kappa(one, other, 4, weighted=True) == pytest.approx(
        metrics.cohen_kappa_score(one, other, weights="quadratic")
    )
    expected = metrics.f1_score(other, one, average=None)
    assert [f1_of(grade, one, other) for grade in range(4)] == pytest.approx(list(expected))


def test_bad_scales_names_and_small_folders_are_refused(tmp_path: Path, make: Make) -> None:
    (tmp_path / "scale.toml").write_text('question = "?"\ngrades = ["one"]\n')
    with pytest.raises(Exception, match="2 to 6 grades"):
        load_scale(tmp_path / "scale.toml")
    (tmp_path / "good.toml").write_text('question = "?"\ngrades = ["a", "b"]\n[reference]\n"x.png" = 2\n')
    with pytest.raises(Exception, match=r"x\.png a grade that the scale lacks"):
        load_scale(tmp_path / "good.toml")
    study = Study(make(people=8), make(people=8, seed=2), tmp_path / "out", StudySettings())
    with pytest.raises(Exception, match="is no reader's name"):
        study.place("../A")
    with pytest.raises(Exception, match="ask fewer"):
        Study(make(people=1, positions=1), make(people=8), tmp_path / "out2", StudySettings())


@pytest.fixture
def served(tmp_path: Path, make: Make, write_folder: Callable[..., Path]) -> Iterator[tuple[Path, str]]:
    """The running command: its folder of answers and its address."""
    pytest.importorskip("gradio")
    real = write_folder(tmp_path / "real", make(people=4))
    made = write_folder(tmp_path / "made", make(people=4, seed=3), generated=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "study"
    run = "from braineval.app import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", run, "reader-study", str(real), str(made)]
    options = ["--out", str(out), "--singles", "3", "--questions", "4", "--port", str(port)]
    with subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield out, f"http://127.0.0.1:{port}/"
        process.terminate()


@pytest.mark.browser
def test_a_reader_in_a_browser_answers_by_key_and_click_and_goes_on_after_a_reload(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    from selenium import webdriver
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    out, address = served
    browser, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver_path is None:
        pytest.skip("Chromium and ChromeDriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    for switch in (*switches.split(), "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}/c"):
        options.add_argument(switch)
    real, made = open_slices(tmp_path / "real"), open_slices(tmp_path / "made")
    plan = make_steps(real, made, StudySettings(singles=3, pairs=4), None, "ada")
    wrong = {plan[0].item, next(step.item for step in plan if step.kind == "pair")}
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    script = "return document.getElementById('question')?.dataset.item ?? document.getElementById('done')?.id"
    try:
        driver.get(address)
        waiting = WebDriverWait(driver, 60)
        waiting.until(
            lambda d: d.find_element("css selector", "#reader-name input, #reader-name textarea").is_displayed()
        )
        driver.find_element("css selector", "#reader-name input, #reader-name textarea").send_keys("ada")
        driver.find_element("id", "begin").click()
        for number, step in enumerate(plan):
            waiting.until(lambda d, item=step.item: d.execute_script(script) == item)
            if number == 5:
                driver.refresh()
                waiting.until(lambda d, item=step.item: d.execute_script(script) == item)
            assert len(driver.find_elements("css selector", "img[alt=slice]")) == len(step.pictures)
            choice = 3 if step.truth is None else (1 - step.truth if step.item in wrong else step.truth)
            if number % 2:
                driver.find_element("id", f"choice-{choice}").click()
            else:
                ActionChains(driver).send_keys(step.choices[choice][0].lower()).perform()
        waiting.until(lambda d: d.execute_script(script) == "done")
        outside = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith(origin))"
        assert [name for name in driver.execute_script(outside) if name.startswith("http")] == []
    finally:
        driver.quit()
    for measure, n in (("accuracy of single slices", 3), ("accuracy of forced choice", 4)):
        row = found(out, "ada", measure)
        assert (row["value"], row["n"]) == (pytest.approx(1 - 1 / n), n)
        assert (row["low"], row["high"]) == pytest.approx(wilson(1 - 1 / n, n))
    assert found(out, "ada", "quality of real slices")["value"] == 3
