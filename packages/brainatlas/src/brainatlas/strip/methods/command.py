"""A head in, the mask that another program writes out: SynthStrip, HD-BET, BET or any, by a command line to fill in."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts import Scan
from brainatlas.engine import scratch
from brainatlas.niftifile import write_nifti
from brainatlas.strip.methods import StripSettings
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import Volume, load_labels, same_grid

_PATIENCE_S = 3600


def find_brain(volume: Volume, scan: Scan, settings: StripSettings) -> npt.NDArray[np.bool_]:
    """Run ``settings.command`` with ``{image}``, ``{mask}`` and ``{brain}`` filled in, and return the mask it wrote."""
    with scratch() as folder:
        image, mask, brain = folder / "image.nii.gz", folder / "mask.nii.gz", folder / "brain.nii.gz"
        write_nifti(image, volume.data, volume.affine)
        _run(fill_in(settings.command, image=image, mask=mask, brain=brain))
        if not mask.exists():
            raise ScanError(f"{settings.command!r} wrote no mask for {scan.scan_id}: try it by hand on {scan.image}")
        found = load_labels(mask)
        if not same_grid(volume, found):
            raise ScanError(f"the mask {settings.command!r} wrote for {scan.scan_id} lies on another grid")
        return found.data.astype(bool)


def fill_in(command: str | None, *, image: Path, mask: Path, brain: Path) -> list[str]:
    """Return the words of `command` with its braces filled in; no shell sees them.

    Raises
    ------
    UsageError
        There is no command, or it lacks ``{image}`` or ``{mask}``.

    Examples
    --------
    >>> fill_in("bet {image} {brain} -m {mask}", image=Path("i"), mask=Path("m"), brain=Path("b"))
    ['bet', 'i', 'b', '-m', 'm']
    """
    if not command or "{image}" not in command or "{mask}" not in command:
        raise UsageError(
            f"--method command needs --command with {{image}} and {{mask}} in it, got {command!r}; for example "
            "--command 'mri_synthstrip -i {image} -m {mask}'"
        )
    filled = {"{image}": str(image), "{mask}": str(mask), "{brain}": str(brain)}
    words = []
    for word in shlex.split(command):
        for brace, path in filled.items():
            word = word.replace(brace, path)
        words.append(word)
    return words


def _run(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except OSError as error:
        raise ScanError(f"{words[0]} cannot be started ({error.strerror}): install it, or name its full path") from None
    except subprocess.TimeoutExpired:
        raise ScanError(f"{words[0]} did not end within {_PATIENCE_S} s: try it by hand") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise ScanError(f"{words[0]} ended with code {done.returncode} ({last[0][:120]}): try it by hand")
