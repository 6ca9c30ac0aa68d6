"""A drawing function and what a model knows in, the Gradio page out: prompt builder, free text, settings, results."""

from __future__ import annotations

import os
from typing import Any

from braincaption.errors import BrainError
from braincaption.extras import require
from braincaption.schema import PLANES
from brainldm.generate import Generator, SamplerSettings
from brainldm.nearest import Seen
from brainldm.page.drawing import draw
from brainldm.samplers import DEFAULT, names
from brainldm.wording import STRUCTURES, build_prompt

TITLE = "Brain slices from text"
_UNSAID = "not said"
_OFFERED = tuple(STRUCTURES)[:4]  # structures whose volume the builder offers
_LARGEST_MM3 = {"lateral ventricles": 4000, "cerebral white matter": 30_000, "cerebral cortex": 35_000, "thalami": 2000}


def build_page(model: Generator, seen: Seen | None) -> Any:
    """Return the page as gradio Blocks; nothing on it is fetched from elsewhere.

    Raises
    ------
    BrainError
        gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    gr = require("gradio", "demo", "brainldm")
    record = model.record
    planes = record.data.get("planes") or list(PLANES)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(f"# {TITLE}\nSynthetic pictures, for research: no picture is of a person, none is for diagnosis.")
        with gr.Row():
            with gr.Column():
                controls = _builder(gr, planes, list(record.sequences))
                prompt = gr.Textbox(
                    label="Prompt", lines=2, elem_id="prompt", value=_written(*(control.value for control in controls))
                )
                word = gr.Textbox(label="Heat map of the word", elem_id="word")
                settings = _settings(gr, record.settings.sampling.guidance)
                button = gr.Button("Draw", variant="primary", elem_id="draw")
            with gr.Column():
                shown = [
                    gr.Image(label=label, elem_id=name, format="png", interactive=False)
                    for label, name in (("Slice", "slice"), ("Heat", "heat"), ("Nearest training slice", "nearest"))
                ]
                told = gr.Textbox(label="About it", elem_id="told", lines=3, interactive=False)
        for control in controls:
            control.change(_written, controls, prompt)

        def answer(prompt: str, word: str, seed: float, steps: float, guidance: float, sampler: str) -> tuple[Any, ...]:
            how = SamplerSettings(steps=int(steps), sampler=sampler, guidance=float(guidance), negative="")
            try:
                found = draw(model, seen, prompt, word or "", int(seed), how)
            except BrainError as error:
                raise gr.Error(str(error)) from None
            return found.slice, found.heat, found.nearest, found.told

        button.click(answer, [prompt, word, *settings], [*shown, told])
    return page


def serve(model: Generator, seen: Seen | None, port: int) -> None:
    """Serve the page on the loopback address until interrupted."""
    page = build_page(model, seen)
    gr = require("gradio", "demo", "brainldm")
    theme = gr.themes.Default(font=["sans-serif"], font_mono=["monospace"])  # its own choice comes from the network
    page.launch(
        server_name="127.0.0.1", server_port=port, share=False, quiet=True, ssr_mode=False, theme=theme,
        footer_links=[],
    )  # fmt: skip


def _builder(gr: Any, planes: list[str], sequences: list[str]) -> list[Any]:
    controls = [
        gr.Dropdown(planes, value=planes[0], label="Plane"),
        gr.Dropdown(sequences, value=sequences[0], label="Sequence", elem_id="sequence"),
        gr.Slider(-60, 80, value=10, step=0.5, label="Position, mm", elem_id="position"),
        gr.Slider(0, 90, value=0, step=1, label="Age, years (0: not said)"),
        gr.Radio([_UNSAID, "F", "M"], value=_UNSAID, label="Sex"),
    ]
    return controls + [
        gr.Slider(0, _LARGEST_MM3[name], value=0, step=10, label=f"{name.capitalize()}, mm³ in the slice (0: not said)")
        for name in _OFFERED
    ]


def _settings(gr: Any, guidance: float) -> list[Any]:
    with gr.Accordion("Settings", open=False):
        return [
            gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="seed"),
            gr.Slider(1, 100, value=20, step=1, label="Steps"),
            gr.Slider(1, 10, value=guidance, step=0.5, label="Guidance"),
            gr.Dropdown(names(), value=DEFAULT, label="Sampler"),
        ]


def _written(plane: str, sequence: str, position: float, age: float, sex: str, *volumes: float) -> str:
    """Return the prompt that the builder's controls say."""
    return build_prompt(
        plane=plane,
        sequence=sequence,
        position_mm=position,
        age=age or None,
        sex=None if sex == _UNSAID else sex,
        structures={name: volume for name, volume in zip(_OFFERED, volumes, strict=True) if volume},
    )
