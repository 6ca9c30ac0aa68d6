"""The name of a metric in, its command `brain eval METRIC` out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from braineval.metrics import summary
from braineval.settings import DEFAULTS, Settings

Real = Annotated[Path, typer.Argument(help="Slice folder or dataset folder of real slices.")]
Generated = Annotated[Path, typer.Argument(help="Slice folder of generated or reconstructed slices.")]
Out = Annotated[Path | None, typer.Option(help="File for the score as JSON; otherwise it goes to stdout.")]
Seed = Annotated[int, typer.Option(help="Seed of bootstrap, floors and classifiers.")]
Draws = Annotated[int, typer.Option(min=2, help="Bootstrap draws of people behind the interval.")]
Extractor = Annotated[
    str | None, typer.Option(help="Feature extractor, for metrics that read features; see docs/eval.md.")
]
Weights = Annotated[Path | None, typer.Option(help="Weights of the extractor, where it ships none.")]

Store = Annotated[
    Path | None, typer.Option("--features", help="Folder where features are kept between runs; made when missing.")
]
Segmenter = Annotated[
    Path | None, typer.Option(help="Folder by `brain eval train-segmenter`, for metrics that look for structures.")
]


def metric_command(name: str) -> Callable[..., None]:
    """Return the command function of metric `name`, its help taken from the metric's docstring."""

    def command(
        real: Real,
        generated: Generated,
        out: Out = None,
        seed: Seed = DEFAULTS.seed,
        draws: Draws = DEFAULTS.draws,
        extractor: Extractor = None,
        weights: Weights = None,
        features: Store = None,
        segmenter: Segmenter = None,
    ) -> None:
        settings = Settings(
            seed=seed, draws=draws, extractor=extractor, weights=weights, store=features, segmenter=segmenter
        )
        _run(name, real, generated, out, settings)

    command.__doc__ = f"{summary(name)}\n\nExample: brain eval {name} real generated --out {name}.json"
    return command


def _run(name: str, real: Path, generated: Path, out: Path | None, settings: Settings) -> None:
    import sys

    from braineval.metrics import scorer
    from braineval.slices import open_slices

    score = scorer(name)(open_slices(real), open_slices(generated), settings)
    print(score.line(), file=sys.stderr)
    if out is None:
        print(score.to_json(), end="")
    else:
        score.write(out)
