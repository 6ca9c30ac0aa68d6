"""A patch, a prompt's vector and points in, the grey values of the asked contrast there out: the network of stage 2."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from brainldm.tumsyn.settings import SynthesisSettings

_LEAST_SQUARE = 1e-12  # of a key's length: a cosine with nothing is 0


class Synthesis(nn.Module):
    """Residual encoder without downsampling, text as the query over its voxels, and a decoder at any point.

    Parameters
    ----------
    settings : SynthesisSettings
    text_width : int
        Width of the prompt encoder's vectors.
    """

    def __init__(self, settings: SynthesisSettings, text_width: int) -> None:
        super().__init__()
        self.encoder = ResidualEncoder(settings)
        self.fusion = TextFusion(settings, text_width)
        self.decoder = PointDecoder(settings)

    def features(self, patch: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Return fused features (n, width, i, j, k) of patches (n, 1, i, j, k) under prompts (n, text_width)."""
        return self.fusion(self.encoder(patch), text)

    def forward(self, patch: torch.Tensor, text: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Return grey values (n, q) at `points` (n, q, 3), the patch reaching from -1 to 1 along i, j and k."""
        return self.decoder(self.features(patch, text), points)


class ResidualEncoder(nn.Module):
    """EDSR's trunk in three dimensions (Lim et al. 2017): every layer sees every voxel, nothing is downsampled."""

    def __init__(self, settings: SynthesisSettings) -> None:
        super().__init__()
        channels = settings.channels
        self.levels = settings.levels
        self.head = nn.Conv3d(settings.levels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            [ResidualBlock(channels, settings.residual_scale) for _ in range(settings.blocks)]
        )  # fmt: skip
        self.body = nn.Conv3d(channels, channels, 3, padding=1)
        self.tail = nn.Conv3d(channels, settings.width, 3, padding=1)
        self.apply(_keep_variance)
        if settings.levels == 1:
            # Brightness is the one input: with offsets of its own size, features of two grey values differ in direction
            # too, not in length alone, which a layer norm would take away.
            assert self.head.bias is not None
            nn.init.uniform_(self.head.bias, -1.0, 1.0)

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        """Return features (n, width, i, j, k) of a patch (n, 1, i, j, k)."""
        levels = self.levels**0.5 * grey_levels(patch, self.levels)  # few levels of a voxel are not 0
        # Channels side by side in memory, as convolutions on CPUs want them; what follows keeps that order.
        shallow = self.head(levels.contiguous(memory_format=torch.channels_last_3d))
        deep = shallow
        for block in self.blocks:
            deep = block(deep)
        return self.tail(self.body(deep) + shallow)


def grey_levels(patch: torch.Tensor, count: int) -> torch.Tensor:
    """Return grey values (n, 1, i, j, k) from 0 to 1 as `count` overlapping levels, shape (n, count, i, j, k).

    Level l is 1 where the grey value is l / (count - 1), and falls to 0 at both neighbours: linear in between, nothing
    is lost. Another contrast is a bent curve of the grey value; of levels it is a weighted sum. With one level the grey
    value itself is returned.

    Examples
    --------
    >>> grey_levels(torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 3, 1, 1), 3).flatten(1)
    tensor([[1.0000, 0.5000, 0.0000, 0.0000, 0.5000, 0.0000, 0.0000, 0.0000, 1.0000]])
    """
    if count == 1:
        return patch
    at = torch.linspace(0, 1, count, dtype=patch.dtype, device=patch.device).view(1, count, 1, 1, 1)
    return functional.relu(1 - (patch - at).abs() * (count - 1))


def _keep_variance(module: nn.Module) -> None:
    """Draw a convolution's weights so that its output varies as its input does (He et al. 2015)."""
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


class ResidualBlock(nn.Module):
    """Two convolutions whose sum with the input is damped."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        self.scale = scale

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        return features + self.scale * self.second(functional.relu(self.first(features)))


class TextFusion(nn.Module):
    """The prompt as one query over all voxels of the patch; what it attends multiplies every voxel's features.

    Query and keys are normalised, so that attention is a cosine, as in the authors' code. There the prompt reaches the
    patch through the attention weights alone: a patch of one tissue attends the same whatever was asked. With
    `text_residual` the adapted prompt itself is added.
    """

    def __init__(self, settings: SynthesisSettings, text_width: int) -> None:
        super().__init__()
        width = settings.width
        self.heads, self.text_residual = settings.heads, settings.text_residual
        self.adapter = nn.Sequential(nn.Linear(text_width, width), nn.ReLU(), nn.Linear(width, width))
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.before, self.after = (nn.LayerNorm(width) if settings.normalised else nn.Identity() for _ in range(2))
        self.mlp = GatedMlp(width, settings.mlp_ratio)
        if settings.text_residual:  # a product with vectors around 1 passes the features on from the first step
            last = self.adapter[-1]
            assert isinstance(last, nn.Linear)
            nn.init.ones_(last.bias)

    def forward(self, features: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape (n, width, i, j, k), given prompts (n, text_width)."""
        voxels = features.movedim(1, -1)  # n, i, j, k, width
        prompt = self.adapter(text)
        vector = self.out(self._attended(voxels.flatten(1, 3), prompt))
        vector = vector + prompt if self.text_residual else vector
        mixed = self.before(voxels * vector[:, None, None, None])
        mixed = mixed + self.mlp(mixed)
        return self.after(mixed).movedim(-1, 1)

    def _attended(self, voxels: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        """Return what the prompts (n, width) attend among voxels (n, count, width), shape (n, width).

        Heads are blocks of channels. Their sums are written as products with block matrices: on CPUs several times
        faster than tensors whose last axis is one head of few channels.
        """
        n, width = prompt.shape
        key, value = self.key_value(voxels).chunk(2, dim=-1)
        query = functional.normalize(self.query(prompt).view(n, self.heads, -1), dim=-1)
        own = torch.eye(self.heads, dtype=query.dtype, device=query.device).unsqueeze(1)  # heads, 1, heads
        dot = key @ (query.unsqueeze(-1) * own).reshape(n, width, self.heads)
        square = key.square() @ own.expand(-1, query.shape[-1], -1).reshape(width, self.heads)
        attention = (dot * (square + _LEAST_SQUARE).rsqrt()).softmax(1)  # n, count, heads
        mixed = (attention.mT @ value).view(n, self.heads, self.heads, -1)  # of every head's channels by every head
        return mixed.diagonal(dim1=1, dim2=2).mT.reshape(n, width)


class GatedMlp(nn.Module):
    """Pointwise, then 3³ within each channel; one half gates the other, then back to the width."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        hidden = ratio * width
        self.widen = nn.Linear(width, hidden, bias=False)
        self.mix = nn.Conv3d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        self.narrow = nn.Linear(hidden // 2, width, bias=False)

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        """Return voxels of the same shape (n, i, j, k, width)."""
        gate, passed = self.mix(self.widen(voxels).movedim(-1, 1)).chunk(2, dim=1)
        return self.narrow((functional.gelu(gate) * passed).movedim(1, -1))


class PointDecoder(nn.Module):
    """A local implicit image function (Chen et al. 2021): trilinear features and three coordinates to a grey value."""

    def __init__(self, settings: SynthesisSettings) -> None:
        super().__init__()
        self.coordinates = settings.coordinates
        widths = [settings.width + 3, *settings.decoder]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Return grey values (n, q) at `points` (n, q, 3) of features (n, width, i, j, k)."""
        # grid_sample names the last axis first
        where = points.flip(-1)[:, :, None, None]
        sampled = functional.grid_sample(features, where, mode="bilinear", padding_mode="border", align_corners=False)
        local = self._coordinates(points, features.shape[2:])
        return self.layers(torch.cat([sampled.flatten(2).transpose(1, 2), local], dim=-1)).squeeze(-1)

    def _coordinates(self, points: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        if self.coordinates == "patch":
            return points
        lengths = torch.tensor(shape, dtype=points.dtype, device=points.device)
        inside = (points + 1) * lengths / 2  # in voxels from the corner
        return 2 * (inside - inside.floor()) - 1  # the nearest centre is that of the voxel that the point lies in
