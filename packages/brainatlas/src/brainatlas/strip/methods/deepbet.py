"""A head in, its brain mask out, by deepbet's network (Fisch et al. 2024, doi:10.1002/hbm.70039) on the CPU or GPU.

The weights lie in the deepbet wheel; nothing is downloaded, and neither its command line nor its window is loaded.
"""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from brainatlas.cohorts import Scan
from brainatlas.strip.methods import StripSettings
from braincaption.errors import ScanError
from braincaption.nifti import Volume


@lru_cache(maxsize=1)
def _network() -> Any:
    import torch

    # Workers that run side by side share the processors; torch may have been loaded before this was said.
    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS") or torch.get_num_threads())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.load is announced to go; the weights come in that format
        from deepbet import BrainExtraction

        return BrainExtraction(no_gpu=not torch.cuda.is_available())


def find_brain(volume: Volume, scan: Scan, settings: StripSettings) -> npt.NDArray[np.bool_]:
    """Return the brain mask that deepbet finds (threshold 0.5, no dilation)."""
    image = nib.Nifti1Image(np.asarray(volume.data, dtype=np.float32), volume.affine)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, mask, _ = _network().run(image)
    except (AssertionError, ValueError, RuntimeError, IndexError) as error:
        raise ScanError(
            f"deepbet found no brain in {volume.path} ({' '.join(str(error).split())[:80]}): look at the scan, give a "
            "mask (--method mask), or leave it out"
        ) from None
    found: npt.NDArray[np.bool_] = np.asanyarray(mask.dataobj) > 0
    return found
