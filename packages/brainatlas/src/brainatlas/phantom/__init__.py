"""A seed in, phantom people out: labelled heads in T1w, T2w and FLAIR made from the ICBM template and MR physics."""

from brainatlas.phantom.dataset import write_cohort
from brainatlas.phantom.protocol import Protocol
from brainatlas.phantom.subject import SIZES, Grid, Head, Scan, Subject, make_head, make_subject, scan_head, signal_of

__all__ = [
    "SIZES",
    "Grid",
    "Head",
    "Protocol",
    "Scan",
    "Subject",
    "make_head",
    "make_subject",
    "scan_head",
    "signal_of",
    "write_cohort",
]
