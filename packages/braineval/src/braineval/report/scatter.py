"""Points with a folder and a contrast each in, one drawing out (SVG): colour by contrast, shape by folder."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from braineval.tsne import Plane

SIDE, MARGIN, LEGEND = 560, 24, 200
# Okabe and Ito 2008: told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
SHAPES = (
    '<circle cx="{x}" cy="{y}" r="4" fill="{c}" fill-opacity=".75"/>',
    '<path d="M{x} {y}m-5 -5l10 10m0 -10l-10 10" stroke="{c}" stroke-width="2.2" fill="none"/>',
    '<path d="M{x} {y}m-4 -4h8v8h-8z" fill="none" stroke="{c}" stroke-width="2"/>',
    '<path d="M{x} {y}m0 -6l6 10h-12z" fill="none" stroke="{c}" stroke-width="2"/>',
)


def scatter(plane: Plane) -> str:
    """Return the points as a self-contained SVG."""
    low, span = plane.points.min(axis=0), np.ptp(plane.points, axis=0).clip(min=1e-9)
    places = MARGIN + (plane.points - low) / span * (SIDE - 2 * MARGIN)
    contrasts, folders = sorted(set(plane.contrasts)), list(dict.fromkeys(plane.folders))
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(contrasts)}
    shape = {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(folders)}
    marks = [
        Markup(shape[folder]).format(x=round(float(x), 1), y=round(float(y), 1), c=colour[contrast])
        for (x, y), folder, contrast in zip(places, plane.folders, plane.contrasts, strict=True)
    ]
    lines = [(SHAPES[0], colour[name], name) for name in contrasts]
    lines += [(shape[name], "#5b6b7d", name) for name in folders]
    for i, (mark, ink, name) in enumerate(lines):
        y = MARGIN + 24 * i + (12 if i >= len(contrasts) else 0)
        marks.append(Markup(mark).format(x=SIDE + 16, y=y, c=ink))
        marks.append(Markup('<text x="{}" y="{}">{}</text>').format(SIDE + 30, y + 5, name))
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {s}" width="{w}" height="{s}" '
        'font-family="sans-serif" font-size="14" fill="#16202c"><rect width="{w}" height="{s}" fill="#fff"/>{marks}'
        "</svg>\n"
    ).format(w=SIDE + LEGEND, s=SIDE, marks=Markup("").join(marks))
