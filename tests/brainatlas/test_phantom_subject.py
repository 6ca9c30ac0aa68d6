"""Phantom people: equal seeds give equal voxels, sides are sides, contrasts are contrasts, warps do not fold."""

from __future__ import annotations

import numpy as np
import pytest

from brainatlas.phantom import SIZES, Grid, Protocol, Subject, make_head, make_subject, scan_head, signal_of
from brainatlas.phantom.anatomy import FIRST_MM, MIDLINE, PAIRED, template_anatomy
from brainatlas.phantom.deform import STEP_MM, draw_warp
from brainatlas.phantom.sampling import sample_head
from brainatlas.phantom.shapes import Coordinates, ellipsoid, table, tube

COARSE = Grid(shape=(48, 54, 48), zoom_mm=4.0, split=2)


@pytest.fixture(scope="module")
def person() -> Subject:
    return make_subject(1, seed=3)


def test_equal_arguments_give_equal_voxels_whatever_else_is_made(person: Subject) -> None:
    again = make_subject(1, seed=3, contrasts=("FLAIR",))
    assert np.array_equal(again.labels, person.labels)
    assert np.array_equal(again.scans["FLAIR"].data, person.scans["FLAIR"].data)
    assert again.scans["FLAIR"].protocol == person.scans["FLAIR"].protocol
    other = make_subject(1, seed=4, contrasts=("FLAIR",))
    assert not np.array_equal(other.labels, person.labels)


def test_a_field_strength_asked_for_changes_the_scans_and_not_the_anatomy(person: Subject) -> None:
    low, high = (make_subject(1, seed=3, field_t=field) for field in (0.3, 3.0))
    noise, white_over_grey = {}, {}
    for subject, field in ((low, 0.3), (high, 3.0)):
        assert np.array_equal(subject.labels, person.labels)
        assert {scan.protocol.field_t for scan in subject.scans.values()} == {field}
        flair = subject.scans["FLAIR"].data.astype(float)
        noise[field] = np.median(flair[:3]) / flair[subject.mask > 0].mean()  # air beside the head
        protocol = subject.scans["T1w"].protocol
        white_over_grey[field] = protocol.signal("white") / protocol.signal("grey")
    assert noise[0.3] > 2 * noise[3.0], "the signal falls with the field"
    assert white_over_grey[0.3] != white_over_grey[3.0]


def test_every_structure_is_there_and_on_its_side(person: Subject) -> None:
    numbers = {number for pair in PAIRED.values() for number in pair} | set(MIDLINE.values())
    assert set(np.unique(person.labels)) == numbers | {0}
    first = person.affine[0, 3]
    zoom = person.affine[0, 0]
    for left, right in PAIRED.values():
        x_left, x_right = (first + zoom * np.nonzero(person.labels == n)[0].mean() for n in (left, right))
        assert x_left < x_right - 8, (left, right)
        left_ml, right_ml = (np.count_nonzero(person.labels == n) for n in (left, right))
        assert left_ml == pytest.approx(right_ml, rel=0.5, abs=20)


def test_labels_lie_inside_the_mask_and_the_brain_has_a_persons_size(person: Subject) -> None:
    assert not np.any(person.labels[person.mask == 0])
    assert 1000 < person.mask.sum() * SIZES["tiny"].zoom_mm ** 3 / 1000 < 1900  # ml


@pytest.mark.parametrize(
    ("contrast", "order"),
    [("T1w", ("white", "cortex", "csf")), ("T2w", ("csf", "cortex", "white")), ("FLAIR", ("cortex", "white", "csf"))],
)
def test_the_scans_show_their_contrast(person: Subject, contrast: str, order: tuple[str, ...]) -> None:
    where = {"white": (2, 41), "cortex": (3, 42), "csf": (4, 43)}
    data = person.scans[contrast].data
    levels = [np.median(data[np.isin(person.labels, where[name])]) for name in order]
    assert levels[0] > 1.05 * levels[1] > 1.1 * levels[2]


def test_a_head_is_more_than_a_brain(person: Subject) -> None:
    scan = person.scans["T1w"].data.astype(float)
    brain = np.median(scan[person.mask > 0])
    outside = np.count_nonzero(scan[person.mask == 0] > 0.7 * brain)
    assert outside > 0.3 * person.mask.sum()  # scalp, fat and neck
    assert np.median(scan[0]) < 0.2 * brain  # air


def test_ventricles_grow_with_age_and_heads_with_sex() -> None:
    people = [make_subject(i, seed=8, grid=COARSE, contrasts=()) for i in range(1, 25)]
    share = [np.isin(p.labels, (4, 43)).sum() / p.mask.sum() for p in people]
    assert np.corrcoef([p.age for p in people], share)[0, 1] > 0.6
    sizes = {sex: np.mean([p.mask.sum() for p in people if p.sex == sex]) for sex in "FM"}
    assert sizes["M"] > 1.05 * sizes["F"]


def test_warps_do_not_fold() -> None:
    growth = template_anatomy().growth
    for number in range(4):
        warp = draw_warp(
            np.random.default_rng(number), scale=1.0, ventricles_mm=4.0, growth=growth, growth_first_mm=FIRST_MM
        )
        gradient = np.stack(np.gradient(warp.field.astype(float), STEP_MM, axis=(0, 1, 2)), axis=-1)
        jacobian = np.linalg.det(gradient + warp.matrix[:, :3])
        assert jacobian.min() > 0.05


def test_sampling_the_template_through_nothing_gives_the_template() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 60, (6, 7, 8)).astype(np.uint8)
    brain = (labels > 0).astype(np.uint8)
    fractions = np.zeros((6, 7, 8, 3), np.uint8)
    fractions[..., 1] = rng.integers(0, 256, labels.shape)
    still, origin = np.zeros((3, 3, 3, 3), np.float32), np.zeros(3)
    matrix = np.eye(3, 4)
    parts, votes, mask = sample_head(
        labels.shape,
        origin,
        1.0,
        1,
        matrix,
        still,
        origin,
        8.0,
        fractions,
        labels,
        brain,
        origin,
        np.ones((2, 2, 2), bool),
        0.0,
    )
    assert np.array_equal(votes, labels)
    assert np.array_equal(mask, brain)
    assert np.allclose(parts[:-1, :-1, :-1] * 255, fractions[:-1, :-1, :-1], atol=1e-3)


def test_thick_voxels_take_the_most_frequent_label() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:2, :2, :2] = [[[7, 7], [9, 9]], [[7, 9], [9, 9]]]
    fractions = np.zeros((4, 4, 4, 3), np.uint8)
    first, template_first = np.full(3, 0.5), np.zeros(3)
    still = np.zeros((2, 2, 2, 3), np.float32)
    _, votes, _ = sample_head(
        (1, 1, 1),
        first,
        2.0,
        2,
        np.eye(3, 4),
        still,
        np.zeros(3),
        8.0,
        fractions,
        labels,
        labels,
        template_first,
        np.ones((2, 2, 2), bool),
        0.0,
    )
    assert votes[0, 0, 0] == 9


def test_shapes_have_their_volumes_and_both_sides() -> None:
    x, y, z = np.ogrid[-30:31, -20:21, -20:21]
    at = Coordinates(across=np.abs(x).astype(np.float32), y=y.astype(np.float32), z=z.astype(np.float32))
    ball = ellipsoid(at, (15, 0, 0), (10, 8, 6))
    assert ball.sum() == pytest.approx(2 * 4 / 3 * np.pi * 10 * 8 * 6, rel=0.03)
    assert np.array_equal(ball, ball[::-1])
    pipe = tube(at, ((15, -10, 0), (15, 10, 0)), 4, 4)
    assert pipe.sum() == pytest.approx(2 * (np.pi * 16 * 20 + 4 / 3 * np.pi * 64), rel=0.12)
    plane = table(at, (0.0, 30.0), (-20.0, 20.0), ((0.0, 40.0), (30.0, 70.0)))
    assert plane[30, 20, 0] == pytest.approx(20)  # midline, y = 0
    assert plane[45, 20, 0] == pytest.approx(35)


def test_skipping_air_changes_no_voxel(monkeypatch: pytest.MonkeyPatch) -> None:
    from brainatlas.phantom import subject

    skipped = make_subject(2, seed=3, grid=COARSE)
    every = np.ones((70, 70, 70), dtype=bool)
    monkeypatch.setattr(subject, "_blocks", lambda zoom_mm: every)
    whole = make_subject(2, seed=3, grid=COARSE)
    assert np.array_equal(whole.labels, skipped.labels)
    for name in whole.scans:
        assert np.array_equal(whole.scans[name].data, skipped.scans[name].data)


def test_one_head_is_scanned_by_any_protocol_and_on_any_grid() -> None:
    tiny = make_head(1, seed=2)
    early, late = (
        Protocol(contrast="T2w", field_t=3.0, manufacturer="", model="", tr_ms=5000, te_ms=te, ti_ms=None, flip_deg=90)
        for te in (60.0, 120.0)
    )
    ratios = []
    for protocol in (early, late):
        signal = signal_of(tiny, protocol)
        ratios.append(signal[tiny.labels == 43].mean() / signal[tiny.labels == 41].mean())
    assert ratios[1] > 1.5 * ratios[0] > 1.5
    assert not np.array_equal(*(scan_head(tiny, early, np.random.default_rng(s)).data for s in (0, 1)))
    fine = make_head(1, seed=2, grid=Grid(shape=(96, 108, 96), zoom_mm=2.0, split=2))
    assert (fine.age, fine.sex) == (tiny.age, tiny.sex)
    assert int(fine.mask.sum()) * 8 == pytest.approx(int(tiny.mask.sum()) * 27, rel=0.02)
