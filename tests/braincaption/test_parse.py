"""Captions read back give what they were made of: every wording, every language, any combination of facts."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from braincaption.captions import Captioner, CaptionSettings
from braincaption.errors import UsageError
from braincaption.lut import load_lut
from braincaption.parse import parse
from braincaption.schema import PLANES
from braincaption.wording import load_wordings

LUT = load_lut("freesurfer")
# Shrinking a table of captions takes minutes and tells little more than the first example.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
# Pairs, single ones, masses, plurals, parcels, and labels without a name.
LABELS = [2, 41, 3, 42, 4, 43, 7, 46, 10, 49, 14, 15, 16, 17, 53, 24, 77, 85, 630, 1001, 2001, 1035, 9999, 60000]

structures = st.dictionaries(st.sampled_from(LABELS), st.integers(1, 3_000_000), max_size=len(LABELS)).map(
    lambda counts: sorted(counts.items(), key=lambda item: (-item[1], item[0]))
)
slices = st.lists(
    st.tuples(st.sampled_from(PLANES), st.floats(-200, 200, width=32), structures), min_size=1, max_size=12
)


@given(
    rows=slices,
    seed=st.integers(0, 10_000),
    mm3=st.sampled_from([1.0, 0.0423, 1.3184, 27.0]),
    sequence=st.sampled_from(["", "T1w", "FLAIR", "MESE"]),
    tesla=st.sampled_from([None, 0.3, 1.5, 3.0]),
    age=st.sampled_from([None, 0.4, 1.0, 8.0, 11.5, 18.0, 63.0, 97.0]),
    sex=st.sampled_from([None, "M", "F", "O"]),
    language=st.sampled_from(["en", "fr"]),
)
@settings(max_examples=120, deadline=None, phases=PHASES)
def test_a_caption_read_back_says_what_the_row_says(slice_table, rows, seed, mm3, sequence, tesla, age, sex, language):
    made = slice_table(rows, f"v{seed}@s", mm3, sequence=sequence, field_strength_t=tesla, age=age, sex=sex)
    captions = Captioner(LUT, CaptionSettings(seed=seed, language=language)).captions(made)
    for (plane, position, found), template, caption in zip(
        rows, captions["template"].to_pylist(), captions["caption"].to_pylist(), strict=True
    ):
        said = parse(caption, LUT, language)
        assert (said.template, said.plane, said.sequence) == (template, plane, sequence or None), caption
        assert said.position_mm == pytest.approx(position, abs=0.0501)
        volumes = {structure.label: structure.volume_mm3 for structure in said.structures}
        assert volumes == pytest.approx({label: n * mm3 for label, n in found}, rel=6e-3, abs=1e-6), caption


@given(rows=slices, age=st.sampled_from([None, 63.0]), language=st.sampled_from(["en", "fr"]))
@settings(max_examples=50, deadline=None, phases=PHASES)
def test_a_caption_is_a_clean_sentence(slice_table, rows, age, language):
    captions = Captioner(LUT, CaptionSettings(language=language)).captions(slice_table(rows, age=age, sequence="T2w"))
    for caption in captions["caption"].to_pylist():
        assert caption[-1] in ".?" and (caption[0].isupper() or caption[0].isdigit()), caption
        assert not any(sign in caption for sign in ("  ", " ,", " .", "..", ",,", "{", "}", "_", "None", ",?")), caption
        assert caption.count("(") == caption.count(")") and caption.count("[") == caption.count("]")


def test_every_wording_is_drawn_and_distinct(slice_table):
    rows = [("axial", float(n), [(4, 412), (43, 398), (14, 20)]) for n in range(800)]
    captions = Captioner(LUT, CaptionSettings()).captions(slice_table(rows, sequence="T1w", age=8.0, sex="F"))
    drawn = captions["template"].to_pylist()
    assert sorted(set(drawn)) == [wording.number for wording in load_wordings("en")] == list(range(1, 21))
    shapes = {
        number: "".join(c for c in text if not c.isdigit())
        for number, text in zip(drawn, captions["caption"].to_pylist(), strict=True)
    }
    assert len(set(shapes.values())) == 20
    assert all("8-year" in text or "8 years" in text for text in captions["caption"].to_pylist())
    assert not any(" a 8" in text for text in captions["caption"].to_pylist())


def test_a_sentence_that_is_not_ours_is_refused():
    with pytest.raises(UsageError, match="no wording of 'en'"):
        parse("A dog sits on a log.")
