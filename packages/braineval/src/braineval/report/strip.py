"""A score in, a small drawing of its value, interval and floors on one axis out (SVG)."""

from __future__ import annotations

from markupsafe import Markup

from braineval.score import Score

WIDTH, HEIGHT, MARGIN = 220, 26, 10


def strip(score: Score) -> Markup:
    """Return an SVG: the interval as a line, the value as a dot, the floors as a hollow square and diamond."""
    marks = [score.value, score.floor.halves, score.floor.people, *(score.ci95 or ())]
    known = [mark for mark in marks if mark is not None]
    low, high = min(known), max(known)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5

    def x(value: float) -> float:
        return round(MARGIN + (value - low) / (high - low) * (WIDTH - 2 * MARGIN), 1)

    y = HEIGHT / 2
    parts = [f'<line class="axis" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>']
    if score.ci95 is not None:
        parts.append(f'<line class="ci" x1="{x(score.ci95[0])}" x2="{x(score.ci95[1])}" y1="{y}" y2="{y}"/>')
    if score.floor.halves is not None:
        parts.append(f'<rect class="floor" x="{x(score.floor.halves) - 4}" y="{y - 4}" width="8" height="8"/>')
    if score.floor.people is not None:
        middle = x(score.floor.people)
        points = f"{middle},{y - 6} {middle + 6},{y} {middle},{y + 6} {middle - 6},{y}"
        parts.append(f'<polygon class="floor" points="{points}"/>')
    parts.append(f'<circle class="value" cx="{x(score.value)}" cy="{y}" r="4.5"/>')
    return Markup(f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>')
