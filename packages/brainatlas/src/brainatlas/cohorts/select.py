"""Images and a selection in, the chosen images out; a label that nobody has is an error, not an empty result."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brainatlas.cohorts.found import Found, Layout
from brainatlas.cohorts.model import Selection
from brainatlas.cohorts.names import SEQUENCES, bare_label
from braincaption.errors import UsageError

_SHOWN = 12


def is_selected(found: Found, selection: Selection) -> bool:
    """Tell whether an image is of a participant, session and sequence that was asked for."""
    participants = {bare_label(label, "sub") for label in selection.participants}
    sessions = {bare_label(label, "ses") for label in selection.sessions}
    return (
        (not participants or found.subject in participants)
        and (not sessions or found.session in sessions)
        and (not selection.sequences or found.name.suffix in selection.sequences)
    )


def selected_problems(layout: Layout, selection: Selection) -> list[tuple[str, str]]:
    """Return the layout's problems that concern what was asked for; of files whose names tell nothing, all."""
    return [(who, what) for who, what in layout.problems if _concerns(who, selection)]


def refuse_unknown(layouts: Sequence[Layout], selection: Selection, where: str) -> None:
    """Raise UsageError for a label that no image has, and where nothing has all that was asked for.

    Parameters
    ----------
    layouts : sequence of Layout
        Of all folders given together; a label has to be in one of them.
    selection : Selection
    where : str
        The folders, for the message.
    """
    images = [found for layout in layouts for found in layout.images]
    broken = [who for layout in layouts for who, _ in layout.problems]
    for option, asked, entity, there in (
        ("--participant-label", selection.participants, "sub", {found.subject for found in images}),
        ("--session-label", selection.sessions, "ses", {found.session for found in images if found.session}),
        ("--sequence", selection.sequences, "", {found.name.suffix for found in images}),
    ):
        for label in asked:
            bare = bare_label(label, entity) if entity else label
            if bare in there or (entity == "sub" and any(_names_subject(who, bare) for who in broken)):
                continue
            raise UsageError(f"{option} {label} is not in {where}: there is {_listed(there)}")
    hit = any(is_selected(found, selection) for found in images)
    if not hit and not any(selected_problems(layout, selection) for layout in layouts):
        raise UsageError(f"no scan of {where} has all that was asked for: widen --participant-label or the others")


def _concerns(who: str, selection: Selection) -> bool:
    asked = [bare_label(label, "sub") for label in selection.participants]
    if asked and not any(_names_subject(who, label) for label in asked):
        return False
    suffix = who.partition(".")[0].rpartition("_")[2]
    if selection.sequences and suffix in SEQUENCES and suffix not in selection.sequences:
        return False
    session = re.search(r"_ses-([A-Za-z0-9]+)", who)
    sessions = {bare_label(label, "ses") for label in selection.sessions}
    return not sessions or session is None or session[1] in sessions


def _names_subject(who: str, label: str) -> bool:
    tail = who.partition(f"sub-{label}")[2]
    return f"sub-{label}" in who and not tail[:1].isalnum()


def _listed(labels: set[str]) -> str:
    shown = sorted(labels)
    more = f" … ({len(shown)} in all)" if len(shown) > _SHOWN else ""
    return (", ".join(shown[:_SHOWN]) or "none") + more
