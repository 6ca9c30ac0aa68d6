"""A study in, a Gradio page on loopback out: one question at a time, answered by a click or a key."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from braincaption.errors import UsageError
from braincaption.extras import require
from braincaption.slicefolder import encode_png
from braineval.reader.plan import Step
from braineval.reader.study import Place, Study

MOST_CHOICES = 6
LOOPBACK = "127.0.0.1"
SHOWN_PIXELS = 384
# A key answers when a choice that begins with it is on the screen and nobody is typing a name.
KEYS = """
<script>
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (["INPUT", "TEXTAREA"].includes(document.activeElement?.tagName)) return;
  const key = event.key.toUpperCase();
  for (let i = 0; i < 6; i++) {
    const button = document.getElementById("choice-" + i);
    if (button && button.offsetParent && button.innerText.trim().toUpperCase().split(/\\s+/)[0] === key) {
      event.preventDefault();
      button.click();
      return;
    }
  }
});
</script>
"""
BEGIN = "(name) => { window.location.search = '?reader=' + encodeURIComponent(name.trim()); }"
INTRO = "Your answers are kept after every question: you may close or reload this page and go on later."


def serve(study: Study, port: int, block: bool = True) -> Any:
    """Show the page at http://127.0.0.1:port until it is stopped; with `block` false return the running page.

    Raises
    ------
    BrainError
        gradio is not installed.
    """
    gradio = require("gradio", "reader", "braineval")
    page = _page(gradio, study)
    page.launch(
        server_name=LOOPBACK,
        server_port=port,
        share=False,
        quiet=True,
        inbrowser=False,
        prevent_thread_lock=not block,
        head=KEYS,
        theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        footer_links=[],
        ssr_mode=False,
    )
    return page


def _page(gradio: Any, study: Study) -> Any:
    with gradio.Blocks(title="Reader study", analytics_enabled=False) as page:
        reader, item = gradio.State(""), gradio.State("")
        words = gradio.HTML()
        pictures = gradio.HTML()
        with gradio.Row():
            choices = [gradio.Button("", visible=False, elem_id=f"choice-{i}") for i in range(MOST_CHOICES)]
        with gradio.Row(visible=False) as welcome:
            name = gradio.Textbox(label="Your name (letters, digits, - and _)", elem_id="reader-name")
            begin = gradio.Button("Begin", variant="primary", elem_id="begin")
        shown = [reader, item, words, pictures, welcome, *choices]

        def opened(request: Any) -> list[Any]:
            return _first(gradio, study, dict(request.query_params).get("reader", ""))

        opened.__annotations__["request"] = gradio.Request  # by this Gradio knows what to hand over
        page.load(opened, None, shown, show_progress="hidden", api_visibility="private")
        begin.click(None, [name], None, js=BEGIN, api_visibility="private")
        name.submit(None, [name], None, js=BEGIN, api_visibility="private")
        for i, button in enumerate(choices):

            def chosen(who: str, what: str, choice: int = i) -> list[Any]:
                return _question(gradio, study, who, study.answer(who, what, choice))

            button.click(chosen, [reader, item], shown, show_progress="hidden", api_visibility="private")
    return page


def _first(gradio: Any, study: Study, reader: str) -> list[Any]:
    """Return the page as it opens: a question, or the form that asks for a name."""
    try:
        if reader:
            return _question(gradio, study, reader, study.place(reader))
        said = INTRO
    except UsageError as error:
        said = str(error)
    hidden = [gradio.Button(visible=False)] * MOST_CHOICES
    return ["", "", f"<h2>Reader study</h2><p>{escape(said)}</p>", "", gradio.Row(visible=True), *hidden]


def _question(gradio: Any, study: Study, reader: str, place: Place) -> list[Any]:
    if place.step is None:
        said = f"{place.answered} of {place.of} questions answered. Thank you: this window can be closed."
        hidden = [gradio.Button(visible=False)] * MOST_CHOICES
        return [reader, "", f"<h2 id='done'>Done</h2><p>{said}</p>", "", gradio.Row(visible=False), *hidden]
    step = place.step
    buttons = [
        gradio.Button(f"{step.choices[i][0]} {step.choices[i][1]}".strip(), visible=True)
        if i < len(step.choices)
        else gradio.Button(visible=False)
        for i in range(MOST_CHOICES)
    ]
    said = (
        f"<h2 id='question' data-item='{step.item}'>{escape(step.question)}</h2><p>Question {place.answered + 1} of "
        f"{place.of}; {place.seconds_left / 60:.0f} minutes left in this part. Click, or press the key that a button "
        "begins with.</p>"
    )
    return [reader, step.item, said, _pictures(study, step), gradio.Row(visible=False), *buttons]


def _pictures(study: Study, step: Step) -> str:
    # Embedded as they are: a file's name or address could give the answer away.
    sources = [base64.b64encode(encode_png(study.picture(picture))).decode("ascii") for picture in step.pictures]
    shown = "".join(
        f'<img alt="slice" style="width:{SHOWN_PIXELS}px;image-rendering:auto" src="data:image/png;base64,{source}">'
        for source in sources
    )
    return f'<div style="display:flex;gap:16px;justify-content:center">{shown}</div>'
