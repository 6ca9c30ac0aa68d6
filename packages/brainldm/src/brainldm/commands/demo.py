"""`brain ldm demo`: a model in, a page to try it on out, served to this machine alone."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    model: Annotated[str, typer.Option(help="Name in the zoo, or model folder.")] = "phantom",
    slices: Annotated[Path | None, typer.Option(help="Slices it was trained on, for the nearest one.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 7860,
) -> None:
    """Open a page to try a model on: prompt builder, heat map of a word, nearest training slice.

    Example: brain ldm demo --model phantom --port 7860
    """
    from braincaption.extras import require

    require("gradio", "demo", "brainldm")
    from brainldm.generate import Generator
    from brainldm.nearest import open_seen
    from brainldm.page.layout import serve
    from brainldm.zoo import find_model

    folder = find_model(model)
    loaded = Generator(folder)
    seen = open_seen(folder, slices)
    print(f"http://127.0.0.1:{port} shows {loaded.name}; Ctrl-C ends it", flush=True)
    serve(loaded, seen, port)
