"""The exception tree that all four packages raise, each with the exit code its command ends with.

::

    BrainError                 any failure we can explain                       exit 1
    ├── UsageError             the arguments or a whole cohort are wrong        exit 2, nothing is written
    ├── ScanError              one scan is broken; the others are completed     exit 1, listed in logs/failed.tsv
    └── PartialFailure         the work is done but for the scans listed        exit 1

Messages are built where the error is raised and passed as the only argument, so that every exception pickles between
worker processes. A message names what came, what was wanted, and what to do.
"""


class BrainError(Exception):
    """A failure with a message for the user: what came, what was wanted, what to do."""

    exit_code = 1


class UsageError(BrainError):
    """The arguments, or a whole cohort, cannot be worked with; nothing has been written."""

    exit_code = 2


class ScanError(BrainError):
    """One scan, label map or volume is broken; the work goes on with the others."""


class PartialFailure(BrainError):
    """Everything that could be done is done; some scans were broken and stand in ``logs/failed.tsv``."""
