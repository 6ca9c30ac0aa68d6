"""An output folder in, nipype configured out: no phoning home, crash files in ``OUT/logs``, a calm console."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import ModuleType


def load_nipype() -> ModuleType:
    """Import nipype without its check for a newer version, which asks a server."""
    os.environ["NO_ET"] = "1"
    os.environ["NIPYPE_NO_ET"] = "1"
    import nipype

    return nipype


def configure(out: Path) -> None:
    """Set nipype up for one run whose crash files go to ``out/logs``."""
    nipype = load_nipype()
    (out / "logs").mkdir(parents=True, exist_ok=True)
    nipype.config.update_config(
        {
            "execution": {
                "check_version": "false",
                "crashdump_dir": str(out / "logs"),
                "crashfile_format": "txt",
                "stop_on_first_crash": "false",
                "remove_unnecessary_outputs": "false",
                "poll_sleep_duration": "0.2",
                "hash_method": "content",
                "create_report": "false",
            },
            "logging": {"log_to_file": "false", "workflow_level": "CRITICAL", "interface_level": "CRITICAL"},
            "monitoring": {"enabled": "false"},
        }
    )
    nipype.logging.update_logging(nipype.config)
    for name in ("nipype.workflow", "nipype.interface", "nipype.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
