"""RGB pictures of 299 × 299 in, the 2,048 pooled features of the 2015 Inception network out.

The network whose features the FID is defined on (Szegedy et al. 2016, CVPR; Heusel et al. 2017): TensorFlow's graph of
2015-12-05, whose average pools leave the padding out of the count and whose last block pools by maximum. Module names
follow the published conversions of its weights, so that their files load as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

FEATURES = 2048
CLASSES = 1008
SIDE = 299
_TALL, _FLAT = (7, 1), (1, 7)


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, ReLU; padding keeps the size of odd kernels at stride 1."""

    def __init__(
        self, before: int, after: int, kernel: int | tuple[int, int], *, stride: int = 1, padded: bool = True
    ) -> None:
        super().__init__()
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (high // 2, wide // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(before, after, (high, wide), stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, after, …)."""
        return functional.relu(self.bn(self.conv(x)), inplace=True)


def _average(x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class Block(nn.Module):
    """Named convolutions, chained within a branch, branches laid side by side."""

    def __init__(self, convolutions: dict[str, ConvNorm], branches: Sequence[Sequence[str]]) -> None:
        super().__init__()
        for name, convolution in convolutions.items():
            self.add_module(name, convolution)
        self.branches = [list(branch) for branch in branches]

    def chain(self, names: Sequence[str], x: torch.Tensor) -> torch.Tensor:
        """Run `x` through the convolutions called `names`."""
        for name in names:
            x = self.get_submodule(name)(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the branches' channels, then those of the pooled branch."""
        return torch.cat([*(self.chain(branch, x) for branch in self.branches), self.pooled(x)], dim=1)

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """Return the branch that starts with a pool."""
        return self.chain(["branch_pool"], _average(x))


class Reduction(Block):
    """A block of stride 2, whose pooled branch is a bare maximum."""

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """Return the maximum over 3 × 3 at stride 2."""
        return functional.max_pool2d(x, 3, stride=2)


class Wide(Block):
    """The last blocks: two branches end in a flat and a tall convolution side by side."""

    def __init__(self, before: int, maximum: bool) -> None:
        convolutions = {"branch1x1": ConvNorm(before, 320, 1), "branch3x3_1": ConvNorm(before, 384, 1)}
        convolutions |= {"branch3x3_2a": ConvNorm(384, 384, (1, 3)), "branch3x3_2b": ConvNorm(384, 384, (3, 1))}
        convolutions |= {"branch3x3dbl_1": ConvNorm(before, 448, 1), "branch3x3dbl_2": ConvNorm(448, 384, 3)}
        convolutions |= {"branch3x3dbl_3a": ConvNorm(384, 384, (1, 3)), "branch3x3dbl_3b": ConvNorm(384, 384, (3, 1))}
        super().__init__(convolutions | {"branch_pool": ConvNorm(before, 192, 1)}, [["branch1x1"]])
        self.maximum = maximum

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return 2,048 channels."""
        parts = [self.chain(["branch1x1"], x)]
        for stem, ends in (
            (["branch3x3_1"], ("branch3x3_2a", "branch3x3_2b")),
            (["branch3x3dbl_1", "branch3x3dbl_2"], ("branch3x3dbl_3a", "branch3x3dbl_3b")),
        ):
            y = self.chain(stem, x)
            parts += [self.chain([end], y) for end in ends]
        pooled = functional.max_pool2d(x, 3, stride=1, padding=1) if self.maximum else _average(x)
        return torch.cat([*parts, self.chain(["branch_pool"], pooled)], dim=1)


def _block_a(before: int, pool: int) -> Block:
    convolutions = {"branch1x1": ConvNorm(before, 64, 1)}
    convolutions |= {"branch5x5_1": ConvNorm(before, 48, 1), "branch5x5_2": ConvNorm(48, 64, 5)}
    convolutions |= {"branch3x3dbl_1": ConvNorm(before, 64, 1), "branch3x3dbl_2": ConvNorm(64, 96, 3)}
    convolutions |= {"branch3x3dbl_3": ConvNorm(96, 96, 3), "branch_pool": ConvNorm(before, pool, 1)}
    double = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]
    return Block(convolutions, [["branch1x1"], ["branch5x5_1", "branch5x5_2"], double])


def _block_b(before: int) -> Block:
    convolutions = {"branch3x3": ConvNorm(before, 384, 3, stride=2, padded=False)}
    convolutions |= {"branch3x3dbl_1": ConvNorm(before, 64, 1), "branch3x3dbl_2": ConvNorm(64, 96, 3)}
    convolutions["branch3x3dbl_3"] = ConvNorm(96, 96, 3, stride=2, padded=False)
    return Reduction(convolutions, [["branch3x3"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]])


def _block_c(middle: int, before: int = 768) -> Block:
    convolutions = {"branch1x1": ConvNorm(before, 192, 1), "branch7x7_1": ConvNorm(before, middle, 1)}
    convolutions |= {"branch7x7_2": ConvNorm(middle, middle, _FLAT), "branch7x7_3": ConvNorm(middle, 192, _TALL)}
    convolutions |= {"branch7x7dbl_1": ConvNorm(before, middle, 1), "branch7x7dbl_2": ConvNorm(middle, middle, _TALL)}
    convolutions |= {
        "branch7x7dbl_3": ConvNorm(middle, middle, _FLAT),
        "branch7x7dbl_4": ConvNorm(middle, middle, _TALL),
    }
    convolutions |= {"branch7x7dbl_5": ConvNorm(middle, 192, _FLAT), "branch_pool": ConvNorm(before, 192, 1)}
    single = [f"branch7x7_{i}" for i in (1, 2, 3)]
    return Block(convolutions, [["branch1x1"], single, [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)]])


def _block_d(before: int) -> Block:
    convolutions = {"branch3x3_1": ConvNorm(before, 192, 1)}
    convolutions |= {"branch3x3_2": ConvNorm(192, 320, 3, stride=2, padded=False)}
    convolutions |= {"branch7x7x3_1": ConvNorm(before, 192, 1), "branch7x7x3_2": ConvNorm(192, 192, _FLAT)}
    convolutions |= {"branch7x7x3_3": ConvNorm(192, 192, _TALL)}
    convolutions |= {"branch7x7x3_4": ConvNorm(192, 192, 3, stride=2, padded=False)}
    return Reduction(convolutions, [["branch3x3_1", "branch3x3_2"], [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)]])


class Inception(nn.Module):
    """The network up to its pooled features; the classifier is kept so that published files load strictly."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNorm(3, 32, 3, stride=2, padded=False)
        self.Conv2d_2a_3x3 = ConvNorm(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = ConvNorm(32, 64, 3)
        self.Conv2d_3b_1x1 = ConvNorm(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNorm(80, 192, 3, padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_a(192, 32), _block_a(256, 64), _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b, self.Mixed_6c = _block_c(128), _block_c(160)
        self.Mixed_6d, self.Mixed_6e = _block_c(160), _block_c(192)
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b, self.Mixed_7c = Wide(1280, maximum=False), Wide(2048, maximum=True)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features, (n, 3, 299, 299) of values in [-1, 1] → (n, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (n, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, stride=2)))  # (n, 192, 71, 71)
        x = functional.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (n, 288, 35, 35)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # (n, 768, 17, 17)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (n, 2048, 8, 8)
        return x.mean(dim=(2, 3))


def resize(images: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    """Return pictures at `side` × `side` as TensorFlow 1 resized them: bilinear, pixel i of n read at i · h / n.

    (n, c, h, w) → (n, c, side, side). No half-pixel shift, no smoothing before shrinking: the FID is defined so.
    """
    rows, columns = (_bilinear(length, side, images.dtype) for length in images.shape[-2:])
    return rows @ images @ columns.T


def _bilinear(before: int, after: int, dtype: torch.dtype) -> torch.Tensor:
    position = torch.arange(after, dtype=torch.float64) * (before / after)
    low = position.floor().long().clamp(max=before - 1)
    high = (low + 1).clamp(max=before - 1)
    share = position - low
    matrix = torch.zeros(after, before, dtype=torch.float64)
    index = torch.arange(after)
    matrix.index_put_((index, low), 1 - share, accumulate=True)
    matrix.index_put_((index, high), share, accumulate=True)
    return matrix.to(dtype)
