"""An OUT of brainatlas in, one self-contained page about every scan out: ``report.html``."""

from brainatlas.report.run import write_report

__all__ = ["write_report"]
