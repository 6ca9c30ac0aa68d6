"""Lines of points in, one drawing with both axes out (SVG)."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 220, 56, 34, 14
# Line of the model, then line of the floor; the page's style gives them their colours.
KINDS = ("measured", "floor")


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points joined in order; `kind` is one of `KINDS`."""

    name: str
    kind: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Lines over one pair of axes.

    Attributes
    ----------
    heading : str
    across : str
        What the horizontal axis counts.
    lines : tuple of Line
    """

    heading: str
    across: str
    lines: tuple[Line, ...]

    @property
    def drawing(self) -> Markup:
        """The curve as SVG."""
        points = [point for line in self.lines for point in line.points]
        wide = max(x for x, _ in points)
        low, high = min(0.0, *(y for _, y in points)), max(y for _, y in points)
        high = high if high > low else low + 1.0

        def place(x: float, y: float) -> tuple[float, float]:
            right = LEFT + x / wide * (WIDTH - LEFT - 12)
            return round(right, 1), round(TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

        parts = [_axes(place(0, 0)[1], wide, low, high, self.across)]
        for line in self.lines:
            path = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line.points))
            parts.append(Markup('<polyline class="{}" points="{}"/>').format(line.kind, path))
            for x, y in (place(*point) for point in line.points):
                parts.append(Markup('<circle class="{}" cx="{}" cy="{}" r="3"/>').format(line.kind, x, y))
        label = ", ".join(line.name for line in self.lines)
        return Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
            WIDTH, HEIGHT, escape(label), Markup("").join(parts)
        )


def _axes(zero: float, wide: float, low: float, high: float, across: str) -> Markup:
    ground = HEIGHT - BOTTOM
    return Markup(
        '<line class="axis" x1="{l}" x2="{w}" y1="{z}" y2="{z}"/>'
        '<line class="axis" x1="{l}" x2="{l}" y1="{t}" y2="{g}"/>'
        '<text x="{l}" y="{b}" text-anchor="middle">0</text><text x="{e}" y="{b}" text-anchor="end">{n} {across}</text>'
        '<text x="{s}" y="{h}" text-anchor="end">{high}</text><text x="{s}" y="{g}" text-anchor="end">{low}</text>'
    ).format(
        l=LEFT,
        w=WIDTH - 12,
        e=WIDTH - 12,
        z=zero,
        t=TOP,
        g=ground,
        b=HEIGHT - 12,
        s=LEFT - 8,
        h=TOP + 8,
        n=f"{wide:,.0f}",
        across=across,
        high=f"{high:.3g}",
        low=f"{low:.3g}",
    )
