"""Look-up tables: built-in and foreign layouts, names as words, sides, partners, merging."""

from __future__ import annotations

import pytest

from braincaption.errors import UsageError
from braincaption.language import load_language
from braincaption.lut import BUILT_IN, load_lut, make_lut, with_cortex, write_lut
from braincaption.names import side_and_name


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_tables_pair_left_with_right_and_read_as_words(name):
    lut = load_lut(name)
    for label, structure in lut.structures.items():
        other = lut.partner(label)
        if other is not None:
            assert lut.partner(other) == label
            assert {structure.side, lut.side(other)} == {"left", "right"}
            assert structure.spoken == lut[other].spoken
        assert "_" not in lut.phrase(label) and "-" not in structure.spoken.replace("mid-", ""), structure
        assert structure.side is None or structure.spoken.split()[0] not in ("left", "right")
    phrases = [lut.phrase(label) for label in lut.structures]
    assert len(set(phrases)) == len(phrases)


def test_the_numberings_differ_and_say_so():
    assert load_lut("freesurfer").phrase(4) == "left lateral ventricle"
    assert load_lut("muse").phrase(4) == "third ventricle"
    assert load_lut("muse").phrase(52) == "left lateral ventricle" and load_lut("muse").partner(52) == 51
    assert load_lut("ibsr").phrase(60) == "right ventral diencephalon"
    assert load_lut("freesurfer").phrase(1030) == "left superior temporal gyrus"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Right-Cerebral-White-Matter", ("right", "cerebral white matter")),
        ("AccumbensArea_R", ("right", "nucleus accumbens")),
        ("3rdVentricle", (None, "third ventricle")),
        ("Brain-Stem", (None, "brainstem")),
        ("hippocampus_left", ("left", "hippocampus")),
        ("ctx-rh-bankssts", ("right", "cortex of the banks of the superior temporal sulcus")),
        ("Lesion", (None, "lesion")),
        ("Robustus", (None, "robustus")),
        ("Femur (distal)", (None, "femur distal")),
    ],
)
def test_names_become_words(raw, expected):
    assert side_and_name(raw) == expected


TABLES = {
    "dseg.tsv": "index\tname\tabbreviation\n1\tLeft-Femur\tLF\n2\tRight-Femur\tRF\n",
    "names.csv": "label,name\n1,Left-Femur\n2,Right-Femur\n",
    "semicolon.csv": "Number;Structure\n1;Left-Femur\n2;Right-Femur\n",
    "bare.txt": "1 Left-Femur\n2 Right-Femur\n",
    "lut.txt": "#No. Label Name: R G B A\n0 Unknown 0 0 0 0\n1 Left-Femur 70 130 180 0\n2 Right-Femur 245 245 245 0\n",
    "snap.txt": '# ITK-SNAP\n    0     0    0    0        0  0  0    "Clear Label"\n'
    '    1   255    0    0        1  1  1    "Left Femur"\n    2     0  255    0        1  1  1    "Right Femur"\n',
    "bom.tsv": "\ufeffindex\tname\r\n1\tLeft-Femur\r\n2\tRight-Femur\r\n",
}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_layout_is_read(tmp_path, name):
    (tmp_path / name).write_text(TABLES[name], encoding="utf-8", newline="")
    lut = load_lut(tmp_path / name)
    assert [lut.phrase(1), lut.phrase(2), lut.partner(1), lut.side(2)] == ["left femur", "right femur", 2, "right"]
    assert 0 not in lut.structures and lut.plural(1) == "femurs"


def test_a_table_written_is_read_again(tmp_path):
    lut = load_lut("muse")
    write_lut(lut, tmp_path / "lut.tsv")
    assert dict(load_lut(tmp_path / "lut.tsv").structures) == dict(lut.structures)


@pytest.mark.parametrize("text", ["", "a\tb\nc\td\n", "index\tname\n"])
def test_a_table_without_names_is_refused(tmp_path, text):
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(UsageError, match="gives no label a name"):
        load_lut(tmp_path / "t.tsv")


def test_a_label_named_twice_is_refused(tmp_path):
    (tmp_path / "t.tsv").write_text("index\tname\n1\tFemur\n1\tTibia\n")
    with pytest.raises(UsageError, match="names label 1 both"):
        load_lut(tmp_path / "t.tsv")


def test_an_unknown_table_is_refused():
    with pytest.raises(UsageError, match=r"neither a file nor one of freesurfer, ibsr, muse"):
        load_lut("freesurfre")


def test_merging_is_for_freesurfers_numbers():
    merging = load_lut("freesurfer").merging()
    assert merging[1035] == 3 and merging[2000] == 42 and len(merging) == 72
    with pytest.raises(UsageError, match="leave it out"):
        load_lut("muse").merging()
    with pytest.raises(UsageError, match="leave it out"):
        make_lut({3: "Femur"}).merging()
    assert make_lut({1001: "ctx-lh-bankssts"}).merging()[1001] == 3


def test_plurals_follow_the_table_then_the_spelling():
    english = load_language("en")
    plural = {word: english.noun(word).plural for word in ("hippocampus", "gyrus", "artery", "box", "septum")}
    assert plural == {
        "hippocampus": "hippocampi", "gyrus": "gyri", "artery": "arteries", "box": "boxes", "septum": "septums",
    }  # fmt: skip
    assert (
        english.noun("orbital cortex").kind == "mass"
        and english.noun("cerebellar vermal lobules 1 to 5").kind == "plural"
    )
    assert english.noun("angular gyrus").plural == "angular gyri"
    assert english.noun("limb of the capsule").plural == "limbs of the capsule"


def test_merged_parcels_have_a_name_where_the_source_names_only_parcels() -> None:
    parcels = make_lut({1002: "ctx-lh-caudalanteriorcingulate", 2002: "ctx-rh-caudalanteriorcingulate"})
    merged = with_cortex(parcels)
    assert (merged.phrase(3), merged.phrase(42)) == ("left cerebral cortex", "right cerebral cortex")
    assert merged.phrase(1002) == parcels.phrase(1002)
