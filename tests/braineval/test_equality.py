"""Our numbers beside independent implementations on the same arrays: torchmetrics, MONAI, scikit-image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from braineval import structural
from braineval.frechet import feature_distance, feature_moments, frechet_distance
from braineval.inception import Inception, resize
from braineval.kernel import CMMD_SIGMA, cubic, discrepancy, gaussian
from braineval.manifold import on_manifold
from braineval.metrics.ncc import correlation
from braineval.metrics.nmi import BINS, normalised
from braineval.metrics.psnr import ratio
from braineval.moments import Moments, RunningMoments
from braineval.slices import Slices
from braineval.tensors import as_grey

Make = Callable[..., Slices]
DIMENSION = 24


class Projection(torch.nn.Module):
    """A feature extractor for torchmetrics: a fixed random projection of the pixels."""

    num_features = DIMENSION

    def __init__(self) -> None:
        super().__init__()
        weights = np.random.default_rng(0).standard_normal((3 * 16 * 16, DIMENSION)) / 10
        self.weights = torch.nn.Parameter(torch.from_numpy(weights), requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(len(images), -1).to(self.weights.dtype) / 255 @ self.weights


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """Two sets of 8-bit RGB pictures, 300 and 260 of 16 × 16, whose distance is above 1."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, 200, (300, 3, 16, 16))
    second = (rng.integers(0, 200, (260, 3, 16, 16)) * np.linspace(0.2, 1.2, 16)).clip(0, 255)
    return torch.from_numpy(first.astype(np.uint8)), torch.from_numpy(second.astype(np.uint8))


def test_frechet_equals_torchmetrics(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    theirs = FrechetInceptionDistance(feature=Projection(), input_img_size=(3, 16, 16)).set_dtype(torch.float64)
    theirs.update(pictures[0], real=True)
    theirs.update(pictures[1], real=False)
    features = [Projection()(side).numpy() for side in pictures]
    ours = feature_distance(features[0], features[1])  # type: ignore[arg-type]
    assert ours > 1
    assert ours == pytest.approx(float(theirs.compute()), rel=1e-3)


def test_kernel_distance_equals_torchmetrics_with_one_subset_of_everything(
    pictures: tuple[torch.Tensor, torch.Tensor],
) -> None:
    from torchmetrics.image.kid import KernelInceptionDistance

    first, second = pictures[0][:260], pictures[1]
    with pytest.warns(UserWarning, match="will save all extracted features"):
        theirs = KernelInceptionDistance(feature=Projection(), subsets=1, subset_size=260)
    theirs.update(first, real=True)
    theirs.update(second, real=False)
    features = [Projection()(side).numpy().astype(np.float32) for side in (first, second)]
    ours = discrepancy(features[0], features[1], cubic, (None, None), unbiased=True)
    assert ours == pytest.approx(float(theirs.compute()[0]), rel=1e-3)


def test_gaussian_discrepancy_equals_its_definition() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 8, (30, 5)).astype(np.float32), rng.normal(2, 8, (20, 5)).astype(np.float32)

    def mean(a: np.ndarray, b: np.ndarray) -> float:  # type: ignore[type-arg]
        return float(np.mean([[np.exp(-((x - y) ** 2).sum() / (2 * CMMD_SIGMA**2)) for y in b] for x in a]))

    wanted = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    assert discrepancy(first, second, gaussian, (None, None), unbiased=False) == pytest.approx(wanted, rel=1e-5)


def test_frechet_of_analytic_gaussians_is_exact() -> None:
    rng = np.random.default_rng(3)
    rotation = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    one, two = rng.uniform(0.1, 4, 20), rng.uniform(0.1, 4, 20)
    shift = rng.standard_normal(20)

    def moments(mean: np.ndarray, spread: np.ndarray) -> Moments:  # type: ignore[type-arg]
        return Moments(count=100, mean=mean, covariance=rotation @ np.diag(spread) @ rotation.T)

    wanted = float(shift @ shift + ((np.sqrt(one) - np.sqrt(two)) ** 2).sum())
    assert frechet_distance(moments(np.zeros(20), one), moments(shift, two)) == pytest.approx(wanted, abs=1e-6)


def test_frechet_with_fewer_slices_than_features_stays_finite_and_symmetric() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((12, 40)).astype(np.float32) + i for i in range(2))
    there, back = feature_distance(first, second), feature_distance(second, first)
    assert there == pytest.approx(back, rel=1e-6)
    assert feature_distance(first, first) == pytest.approx(0, abs=1e-6)


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 9), st.floats(-1e4, 1e4))
def test_running_sums_equal_numpy_in_any_batches(n: int, batch: int, offset: float) -> None:
    values = np.random.default_rng(n).standard_normal((n, 3)) + offset
    sums = RunningMoments()
    for start in range(0, n, batch):
        sums.add(values[start : start + batch])
    np.testing.assert_allclose(sums.result().mean, values.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sums.result().covariance, np.cov(values.T), rtol=1e-6, atol=1e-7)


def test_weighted_moments_equal_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    features, times = rng.standard_normal((10, 4)).astype(np.float32), rng.integers(0, 4, 10)
    repeated = feature_moments(np.repeat(features, times, axis=0))
    weighted = feature_moments(features, times.astype(np.float64))
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-9)


@pytest.fixture(scope="module")
def pair(make: Make) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Six slices of 176 × 176 and noisy copies."""
    original = make(people=2, positions=1, size=176).images()
    noise = np.random.default_rng(0).normal(0, 25, original.shape)
    return original, np.clip(original + noise, 0, 255).astype(np.uint8)


def test_structural_metrics_equal_monai(pair: tuple[np.ndarray, np.ndarray]) -> None:  # type: ignore[type-arg]
    from monai.metrics import MultiScaleSSIMMetric, SSIMMetric

    first, second = as_grey(pair[0]), as_grey(pair[1])
    single = SSIMMetric(spatial_dims=2, data_range=1.0, win_size=11, kernel_sigma=1.5)(second, first)
    torch.testing.assert_close(structural.ssim(first, second), single.flatten(), rtol=1e-4, atol=1e-5)
    multi = MultiScaleSSIMMetric(spatial_dims=2, data_range=1.0, kernel_size=11, kernel_sigma=1.5)(second, first)
    torch.testing.assert_close(structural.ms_ssim(first, second), multi.flatten(), rtol=1e-4, atol=1e-5)


def test_structural_metrics_differ_from_torchmetrics_by_its_reflected_edges_only(
    pair: tuple[np.ndarray, np.ndarray],  # type: ignore[type-arg]
) -> None:
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure,
        structural_similarity_index_measure,
    )

    def reflected(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(images, (5, 5, 5, 5), mode="reflect")

    first, second = as_grey(pair[0]), as_grey(pair[1])
    theirs = structural_similarity_index_measure(second, first, data_range=1.0, reduction="none")
    torch.testing.assert_close(structural.ssim(reflected(first), reflected(second)), theirs, rtol=1e-4, atol=1e-5)
    multi = multiscale_structural_similarity_index_measure(second, first, data_range=1.0, reduction="none")
    # torchmetrics keeps valid positions at the first four scales and reflects the edges of the last.
    coarse = [torch.nn.functional.avg_pool2d(side, 16) for side in (first, second)]
    valid, padded = structural.ssim(*coarse), structural.ssim(reflected(coarse[0]), reflected(coarse[1]))
    expected = structural.ms_ssim(first, second) * (padded / valid) ** structural.BETAS[-1]
    torch.testing.assert_close(expected, multi, rtol=1e-4, atol=1e-5)


def test_a_full_mask_changes_nothing_and_a_brain_mask_lowers_the_flattered_score(
    pair: tuple[np.ndarray, np.ndarray],  # type: ignore[type-arg]
) -> None:
    first = as_grey(pair[0])
    softer = torch.nn.functional.avg_pool2d(first, 5, stride=1, padding=2)
    full = torch.ones_like(first, dtype=torch.bool)
    torch.testing.assert_close(structural.ssim(first, softer, full), structural.ssim(first, softer))
    torch.testing.assert_close(structural.ms_ssim(first, softer, full), structural.ms_ssim(first, softer))
    assert (structural.ssim(first, softer, structural.brain_mask(first)) < structural.ssim(first, softer)).all()


def test_psnr_equals_torchmetrics_and_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:  # type: ignore[type-arg]
    from skimage.metrics import peak_signal_noise_ratio
    from torchmetrics.functional.image import peak_signal_noise_ratio as theirs

    ours = ratio(*pair)
    for i in range(len(ours)):
        wanted = peak_signal_noise_ratio(pair[0][i] / 255, pair[1][i] / 255, data_range=1.0)
        assert ours[i] == pytest.approx(wanted, rel=1e-9)
        single = theirs(as_grey(pair[1][i : i + 1]), as_grey(pair[0][i : i + 1]), data_range=1.0)
        assert ours[i] == pytest.approx(float(single), rel=1e-4)


def test_nmi_beside_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:  # type: ignore[type-arg]
    from skimage.metrics import normalized_mutual_information

    first, second = pair[0][0], pair[1][0]
    codes = [(side.astype(int) * BINS // 256) for side in (first, second)]
    theirs = normalized_mutual_information(*codes, bins=BINS)
    assert normalised(first, second) == pytest.approx(2 - 2 / theirs, rel=1e-9)
    assert 0 <= normalised(first, second) <= 1


def test_ncc_equals_numpy(pair: tuple[np.ndarray, np.ndarray]) -> None:  # type: ignore[type-arg]
    first, second = pair[0][:1], pair[1][:1]
    seen = (first | second) > 0
    assert correlation(first, second)[0] == pytest.approx(np.corrcoef(first[seen], second[seen])[0, 1])


def test_manifold_of_known_points() -> None:
    support = np.array([[0.0], [1.0], [2.0], [3.0], [100.0]], dtype=np.float32)
    points = np.array([[0.5], [-3.5], [50.0], [400.0]], dtype=np.float32)
    # Radii to the third neighbour: 3, 2, 2, 3 and 99; the lone point at 100 covers 1 to 199.
    assert on_manifold(points, support).tolist() == [1.0, 0.0, 1.0, 0.0]


def test_inception_has_the_published_size_and_resize_reads_pixel_i_at_i_times_ratio() -> None:
    network = Inception().eval()
    # 21,785,568 without the classifier, as Keras' InceptionV3 counts, plus 2,048 × 1,008 + 1,008.
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_785_568 + 2048 * 1008 + 1008
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 299, 299)).shape == (1, 2048)
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    np.testing.assert_allclose(resize(ramp, 8)[0, 0, 0], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])
