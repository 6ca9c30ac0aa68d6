"""An atlas and cohorts in, what the whole flow would cost out: registrations, volumes, slices, hours, bytes.

Only headers are read. Hours come from seconds measured on one 2-GHz core, which another machine does not share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from brainatlas.cohorts import Cohort, Scan
from brainatlas.register.run import choose_scans

# Seconds on one core, measured on 1 mm brains (benchmarks/atlas): what --workers divides.
STRIP_S, REGISTER_S, FUSE_S = 5.0, 4.0, 1.4  # fusing: for each voter
CATALOG_ROW_BYTES = 121  # at 40,401 rows; a matrix alone is 96 bytes of digits that do not compress
# Share of a grid's slices that show a label, measured on 1 mm heads in the four sources' grids.
LABELLED_SHARE = 0.70
VOLUME_BYTES_A_VOXEL = 0.35  # image and labels, compressed


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would cost.

    Attributes
    ----------
    scans, voters, to_label : int
        Scans in all, labelled people who vote, scans that bring no labels.
    registrations, pairs : int
        By composition through the template, and what ``--scheme pairwise`` would need.
    volumes : int
        Rows of the catalog: every scan in every space.
    grid_slices, labelled_slices : int
        Axial, coronal and sagittal; the latter estimated.
    hours, pairwise_hours : float
        Of one core, up to the catalog.
    catalog_bytes, materialized_bytes : int
        The catalog, and all volumes if they were written (which nobody needs to).
    """

    scans: int
    voters: int
    to_label: int
    registrations: int
    pairs: int
    volumes: int
    grid_slices: int
    labelled_slices: int
    hours: float
    pairwise_hours: float
    catalog_bytes: int
    materialized_bytes: int


def plan(atlas: Cohort, cohorts: Sequence[Cohort]) -> Plan:
    """Return what registering, voting and expanding these cohorts would cost.

    Raises
    ------
    UsageError
        The atlas has no labelled scan, or two cohorts share a scan id.
    """
    scans, labelled = choose_scans(atlas, cohorts)
    voters = len({scan.person for scan in scans if scan.scan_id in labelled})
    return cost([_shape(scan) for scan in scans], voters=voters, to_label=len(scans) - len(labelled))


def cost(shapes: Sequence[tuple[int, ...]], *, voters: int, to_label: int) -> Plan:
    """Return the cost of scans with these grids.

    Examples
    --------
    >>> paper = cost([(256, 256, 128)] * 201, voters=18, to_label=183)
    >>> paper.pairs, paper.volumes
    (20100, 40401)
    """
    n = len(shapes)
    slices = n * sum(sum(shape) for shape in shapes)
    voxels = n * sum(int(np.prod(shape)) for shape in shapes)
    common_s = STRIP_S * n + FUSE_S * voters * to_label
    return Plan(
        scans=n,
        voters=voters,
        to_label=to_label,
        registrations=n,
        pairs=n * (n - 1) // 2,
        volumes=n * n,
        grid_slices=slices,
        labelled_slices=round(slices * LABELLED_SHARE),
        hours=(common_s + REGISTER_S * n) / 3600,
        pairwise_hours=(common_s + REGISTER_S * n * (n - 1) / 2) / 3600,
        catalog_bytes=n * n * CATALOG_ROW_BYTES,
        materialized_bytes=round(voxels * VOLUME_BYTES_A_VOXEL),
    )


def lines(plan: Plan) -> list[str]:
    """Return the plan as lines to print."""
    return [
        f"scans             {plan.scans:>14,}  ({plan.voters} labelled people vote, {plan.to_label} scans to label)",
        f"registrations     {plan.registrations:>14,}  (--scheme pairwise: {plan.pairs:,})",
        f"volumes           {plan.volumes:>14,}  (every scan in every scan's space, as rows of the catalog)",
        f"slices, grid      {plan.grid_slices:>14,}  (axial, coronal and sagittal)",
        f"slices, labelled  {plan.labelled_slices:>14,}  (estimated)",
        f"hours of one core {plan.hours:>14.2f}  (--scheme pairwise: {plan.pairwise_hours:.2f}; estimated)",
        f"catalog           {_bytes(plan.catalog_bytes):>14}  (all volumes written: {_bytes(plan.materialized_bytes)})",
    ]


def _shape(scan: Scan) -> tuple[int, ...]:
    return tuple(int(length) for length in nib.load(scan.image).shape[:3])


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
