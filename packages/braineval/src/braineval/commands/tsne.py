"""`brain eval tsne`: folders of slices in, their features in one plane out, as a drawing and as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from braineval.commands.metric import Extractor, Seed, Store, Weights
from braineval.settings import DEFAULTS, Settings


def tsne(
    folders: Annotated[list[str], typer.Argument(help="Slice folders, each FOLDER or NAME=FOLDER.")],
    out: Annotated[Path, typer.Option(help="Folder for tsne.svg and tsne.json.")],
    extractor: Extractor = None,
    weights: Weights = None,
    most: Annotated[int, typer.Option(min=2, help="Slices of each folder, at most.")] = 500,
    seed: Seed = DEFAULTS.seed,
    features: Store = None,
) -> None:
    """Lay features of slices and of word maps into one plane (Kim et al.: ResNet-18, t-SNE).

    tsne.json also says how often the nearest slice of another person is of the same contrast: a picture proves nothing.

    Example: brain eval tsne images=drawn words=maps --out tsne --extractor radimagenet --weights resnet-18
    """
    import json

    from braincaption.atomic import atomic_path
    from braineval.commands.report import named
    from braineval.report.scatter import scatter
    from braineval.slices import open_slices
    from braineval.tsne import plane

    opened = {name: open_slices(folder) for name, folder in named(folders).items()}
    settings = Settings(seed=seed, extractor=extractor, weights=weights, store=features)
    found = plane(opened, settings, most)
    points = [
        {"folder": str(folder), "contrast": str(contrast), "x": round(float(x), 4), "y": round(float(y), 4)}
        for (x, y), folder, contrast in zip(found.points, found.folders, found.contrasts, strict=True)
    ]
    record = {**found.about, "agreement": found.agreement, "points": points}
    texts = {"tsne.svg": scatter(found), "tsne.json": json.dumps(record, indent=1, ensure_ascii=False) + "\n"}
    for name, text in texts.items():
        with atomic_path(out / name) as aside:
            aside.write_text(text, encoding="utf-8")
    for row in found.agreement:
        if row["same contrast"] is not None:
            said = f"same contrast {row['same contrast']:.1%}, by chance {row['chance']:.1%}"
            print(f"{row['of']}, nearest in {row['nearest in']}: {said}")
