"""Prompts: what is known is said, what is missing is None, and a prompt is read back whoever wrote it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braincaption.errors import UsageError
from brainldm.tumsyn.facts import NUMBERS, Facts, forgetful, numbers_of, ranges, read_prompt

CONTRASTS, MAKERS = ("FLAIR", "T1w", "T2w"), ("GE", "Philips", "Siemens")
TENTHS = st.integers(1, 99_999).map(lambda tenths: tenths / 10)


def read(text: str) -> Facts:
    return read_prompt(text, CONTRASTS, MAKERS)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Facts,
        age=st.none() | st.integers(1, 90).map(float),
        sex=st.sampled_from([None, "M", "F", "O"]),
        field_t=st.sampled_from([None, 0.3, 0.55, 1.5, 3.0, 7.0]),
        maker=st.sampled_from([None, *MAKERS]),
        contrast=st.sampled_from(CONTRASTS),
        zooms=st.none() | st.tuples(*[st.integers(3, 60).map(lambda tenths: tenths / 10)] * 3),
        tr_ms=st.none() | TENTHS,
        te_ms=st.none() | TENTHS,
        ti_ms=st.none() | TENTHS,
        flip_deg=st.none() | st.integers(1, 180).map(float),
    )
)
def test_a_prompt_is_read_back(facts: Facts) -> None:
    assert read(facts.prompt) == facts


def test_a_missing_value_is_written_none() -> None:
    prompt = Facts(contrast="FLAIR").prompt
    assert prompt.count("None") == 9
    assert "TE: None;" in prompt


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("T2-weighted, echo time 95 ms", Facts(contrast="T2w", te_ms=95.0)),
        ("flair at 1.5T on a GE, TI=2.5 s", Facts(contrast="FLAIR", field_t=1.5, maker="GE", ti_ms=2500.0)),
        ("T2w", Facts(contrast="T2w")),
        ("T1w of a 70-year-old man, 1 mm", Facts(contrast="T1w", age=70.0, sex="M")),
        (
            "Age: 12; Gender: M; Scanner: 3.0 Siemens; Modality: T1w; Voxel size: (0.8, 0.8, 0.8); "
            "Imaging parameter TR(ms), TE(ms), TI(ms), and FA(degree): (2500.0, 2.2, None, 8.0)",
            Facts(age=12.0, sex="M", field_t=3.0, maker="Siemens", contrast="T1w", zooms=(0.8,) * 3, tr_ms=2500.0,
                  te_ms=2.2, flip_deg=8.0),
        ),
    ],
)  # fmt: skip
def test_anybodys_words_are_understood(text: str, wanted: Facts) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a brain, TE 90 ms", "names no contrast that the model knows: name one of FLAIR, T1w, T2w"),
        ("SWI", "names no contrast"),
        ("T1w and T2w", "names T1w and T2w: name one"),
        ("", "names no contrast"),
    ],
)
def test_a_prompt_must_name_one_known_contrast(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        read(text)


def test_facts_are_forgotten_but_never_contrast_and_voxel_size() -> None:
    facts = Facts(age=50.0, contrast="T2w", te_ms=90.0, zooms=(1.0,) * 3)
    rng = np.random.default_rng(0)
    assert forgetful(facts, 0.0, rng) == facts
    assert forgetful(facts, 1.0, rng) == Facts(contrast="T2w", zooms=(1.0,) * 3)


def test_numbers_lie_between_least_and_most_of_their_contrast() -> None:
    scans = [
        Facts(contrast="T2w", te_ms=80.0, tr_ms=4000.0),
        Facts(contrast="T2w", te_ms=120.0, tr_ms=4000.0),
        Facts(contrast="FLAIR", te_ms=100.0, ti_ms=2000.0),
    ]
    trained = ranges(scans)
    found = dict(zip(NUMBERS, numbers_of(Facts(contrast="T2w", te_ms=90.0, tr_ms=4000.0), trained), strict=True))
    assert found["te_ms"] == -0.5
    assert found["tr_ms"] == 0, "one value only: there is nothing to tell"
    assert np.isnan([found[key] for key in ("ti_ms", "age", "field_t", "flip_deg")]).all(), "not stated"
    assert np.isnan(numbers_of(Facts(contrast="PDw", te_ms=90.0), trained)).all(), "a contrast never trained on"
