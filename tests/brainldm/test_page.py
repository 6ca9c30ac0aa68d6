"""The demo page: what it draws and says, and that a visitor in a browser gets it, from this machine alone."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from braincaption.errors import UsageError
from braincaption.slicefolder import read_slices
from brainldm.app import app
from brainldm.generate import Generator, SamplerSettings
from brainldm.nearest import Seen, open_seen
from brainldm.page.drawing import draw
from brainldm.wording import build_prompt

HOW = SamplerSettings(steps=2, sampler="dpmpp", guidance=2.0, negative="")
PROMPT = "Axial T2-weighted slice, a hole of 8 mm³."


@pytest.fixture(scope="module")
def model(slice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for three steps."""
    out = tmp_path_factory.mktemp("page")
    text = files("brainldm.configs").joinpath("tiny.toml").read_text()
    lines = ["steps = 3" if line.startswith("steps = ") and '"' not in line else line for line in text.splitlines()]
    (out / "quick.toml").write_text("\n".join(lines))
    command = ["train", "dalle-brain", slice_folder, "--out", out / "model", "--config", out / "quick.toml"]
    assert CliRunner().invoke(app, [str(part) for part in command]).exit_code == 0
    return out / "model"


def test_a_prompt_says_what_was_chosen_and_nothing_else() -> None:
    told = build_prompt(
        plane="coronal", sequence="FLAIR", position_mm=-3.5, age=40.0, sex="F", structures={"thalami": 812.4}
    )
    assert told == "Coronal FLAIR slice of a 40-year-old woman, 3.5 mm behind the origin, with thalami of 812 mm³."
    assert build_prompt(plane="axial", sequence="T1w") == "Axial T1-weighted slice."
    assert build_prompt(plane="axial", sequence="T1w", sex="M") == "Axial T1-weighted slice of a man."


def test_a_training_slice_is_its_own_nearest(slice_folder: Path) -> None:
    folder = read_slices(slice_folder)
    seen = Seen(folder)
    chosen = folder.select((folder.table["split"] == "train").to_numpy())
    found = seen.nearest(chosen.image(5))
    assert (found.distance, found.caption) == (0.0, chosen.table["caption"][5])
    brighter = np.minimum(chosen.image(5).astype(int) + 3, 255).astype(np.uint8)
    assert 0 < seen.nearest(brighter).distance <= 3
    with pytest.raises(UsageError, match="pixels, pictures of"):
        seen.nearest(brighter[:8, :8])


def test_what_the_page_shows(model: Path, slice_folder: Path) -> None:
    loaded, seen = Generator(model), open_seen(model, slice_folder)
    found = draw(loaded, seen, PROMPT, "hole", 3, HOW)
    assert found.slice.shape == (384, 384, 3)
    assert found.heat is not None
    assert found.nearest is not None
    assert "Nearest of 27 training slices" in found.told
    plain = draw(loaded, None, PROMPT, " ", 3, HOW)
    assert np.array_equal(plain.slice, found.slice), "a heat map changes nothing in the slice"
    assert (plain.heat, plain.nearest, "give --slices" in plain.told) == (None, None, True)
    assert open_seen(model, None) is None


@pytest.mark.skipif(importlib.util.find_spec("gradio") is not None, reason="gradio is installed")
def test_without_gradio_the_command_says_what_to_install() -> None:
    told = CliRunner().invoke(app, ["demo"])
    assert (told.exit_code, "pip install 'brainldm[demo]'" in told.stderr) == (1, True)


@pytest.mark.browser
@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="gradio is not installed: brainldm[demo]")
def test_a_visitor_draws_a_slice_in_a_browser(model: Path, slice_folder: Path, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "brainldm", "demo", "--model", model, "--slices", slice_folder, "--port", port]
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
    driver = None
    try:
        _wait_for(port, server, tmp_path / "log")
        driver = _browser(tmp_path)
        driver.get(f"http://127.0.0.1:{port}")
        wait = WebDriverWait(driver, 60)
        prompt = wait.until(lambda page: page.find_element(By.CSS_SELECTOR, "#prompt textarea"))
        assert "Axial FLAIR slice, 10 mm above the origin." in prompt.get_attribute("value")
        position = driver.find_element(By.CSS_SELECTOR, "#position input[type=number]")
        driver.execute_script("arguments[0].select()", position)
        position.send_keys("25", "\t")
        wait.until(lambda _: "25 mm above the origin" in prompt.get_attribute("value"))
        prompt.clear()
        prompt.send_keys(PROMPT)
        driver.find_element(By.CSS_SELECTOR, "#word textarea, #word input").send_keys("hole")
        driver.find_element(By.CSS_SELECTOR, "button#draw, #draw button").click()
        for name in ("slice", "heat", "nearest"):
            image = wait.until(lambda page, name=name: page.find_element(By.CSS_SELECTOR, f"#{name} img"))
            wait.until(lambda _, image=image: int(image.get_attribute("naturalWidth")) == 384)
        told = driver.find_element(By.CSS_SELECTOR, "#told textarea").get_attribute("value")
        assert "Nearest of 27 training slices" in told
        outside = driver.execute_script(
            "return performance.getEntriesByType('resource').map(r => r.name).filter(n => /^https?:/.test(n) && "
            "!n.startsWith(location.origin))"
        )
        assert outside == [], "the page fetches something from elsewhere"
    finally:
        if driver is not None:
            driver.quit()
        server.terminate()
        server.wait(timeout=30)
        log.close()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()[-2000:]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("the page does not answer")


def _browser(folder: Path) -> Any:
    from selenium import webdriver

    driver_path, browser = shutil.which("chromedriver"), shutil.which("chromium")
    if driver_path is None or browser is None:
        pytest.skip("Chromium and ChromeDriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    for switch in (
        *switches.split(),
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={folder / 'browser'}",
    ):
        options.add_argument(switch)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
