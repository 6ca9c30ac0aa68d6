"""A folder of scans in, a checked list of who is in it and with what out: BIDS, or a source that a recipe knows."""

from brainatlas.cohorts.model import Cohort, Scan, Selection
from brainatlas.cohorts.numbering import refuse_mixed_numbering
from brainatlas.cohorts.read import read_cohort, read_cohorts, refuse_same_names

__all__ = [
    "Cohort",
    "Scan",
    "Selection",
    "read_cohort",
    "read_cohorts",
    "refuse_mixed_numbering",
    "refuse_same_names",
]
