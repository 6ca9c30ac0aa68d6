"""Training captions and their slices' latents in, a trained built-in encoder out.

The encoder learns to say from a caption alone what its slice shows: the sequence, the plane, the position, and the
latent itself as the mean over all slices with such a caption. Phrases and words are left out at random, and half of a
batch has its numbers shuffled, so that few people's ages and scanners cannot stand in for the word T1w. A diffusion
model trained on its embeddings then starts from text that already tells T1w from FLAIR.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from brainldm.chance import draws, sample_generator, seeded
from brainldm.config import TextSettings
from brainldm.pace import warmed_up
from brainldm.text.augment import caption_variants, naming_words
from brainldm.text.builtin import BuiltInEncoder, pool
from brainldm.text.shorten import shorten

_POSITION_SCALE_MM = 50.0
_CLIP_NORM = 1.0
_VARIANTS = 4  # texts a caption while the encoder learns
_UNHEARD = 0.1  # share of tokens that a step leaves out


class _Heads(nn.Module):
    """Sequence, plane, position and latent from a caption's pooled vector."""

    def __init__(self, width: int, sequences: int, planes: int, latent: int) -> None:
        super().__init__()
        self.sequence = nn.Linear(width, sequences)
        self.plane = nn.Linear(width, planes)
        self.position = nn.Linear(width, 1)
        self.latent = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, latent))


def fit_encoder(table: pd.DataFrame, latents: torch.Tensor, settings: TextSettings, seed: int) -> BuiltInEncoder:
    """Train the built-in encoder on captions.

    Parameters
    ----------
    table : DataFrame
        Columns caption, sequence, plane and position_mm of the training slices; missing facts are passed over.
    latents : Tensor, shape (n, channels, height, width)
        Scaled latent means of the same slices.
    settings : TextSettings
    seed : int
    """
    captions = table["caption"].tolist()
    with seeded(seed):
        encoder = BuiltInEncoder.untrained(captions, settings)
        classes = _classes(table)
        sequences, planes = (max(1, int(labels.max()) + 1) for labels in classes)
        heads = _Heads(encoder.width, sequences, planes, latents[0].numel())
    texts = _texts(captions, naming_words(captions, table["sequence"].tolist()), encoder, seed)
    position = torch.tensor(table["position_mm"].astype("float32").to_numpy() / _POSITION_SCALE_MM)
    network = encoder.network.train()
    optimizer = torch.optim.AdamW([*network.parameters(), *heads.parameters()], lr=settings.learning_rate)
    for step in range(settings.steps):
        rng = sample_generator(seed, step, len(captions))
        rows = torch.tensor([sample for _, sample in draws(seed, len(captions), settings.batch, step)])
        ids, mask, values = texts.view(rows, rng)
        pooled = pool(network(ids, mask, values), mask)
        true, rows_true = pooled[: len(rows) // 2], rows[: len(rows) // 2]  # the rest has numbers of other captions
        loss = functional.mse_loss(heads.latent(true), latents[rows_true].flatten(1))
        loss = loss + _known_class(heads.sequence(pooled), classes[0][rows])
        loss = loss + _known_class(heads.plane(pooled), classes[1][rows])
        loss = loss + _known_value(heads.position(true).squeeze(1), position[rows_true])
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], _CLIP_NORM)
        optimizer.param_groups[0]["lr"] = settings.learning_rate * _slowing(step, settings.steps)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    network.eval().requires_grad_(False)
    return encoder


class _Texts:
    """Tokens of every caption and of its variants, and a disturbed view of some of them."""

    def __init__(self, tokens: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
        self.ids, self.mask, self.values = tokens

    def view(self, rows: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return ids, mask and numbers of `rows`, each in a random variant; the second half with shuffled numbers."""
        chosen = rows * _VARIANTS + torch.from_numpy(rng.integers(_VARIANTS, size=len(rows)))
        mask = self.mask[chosen]
        longest = int(mask.sum(1).max())
        ids, mask, values = self.ids[chosen, :longest], mask[:, :longest], self.values[chosen, :longest].clone()
        other = values[len(rows) // 2 :]
        places = other != 0
        numbers = other[places].numpy()
        other[places] = torch.from_numpy(rng.permutation(numbers))
        heard = torch.from_numpy(rng.random(mask.shape) >= _UNHEARD)
        heard[:, 0] = True
        return ids, mask & heard, values


def _texts(captions: list[str], kept: frozenset[str], encoder: BuiltInEncoder, seed: int) -> _Texts:
    texts = [
        shorten(text, encoder.count, encoder.max_tokens)
        for row, caption in enumerate(captions)
        for text in caption_variants(caption, _VARIANTS, sample_generator(seed, 0, row), kept)
    ]
    return _Texts(encoder.inputs(texts))


def _slowing(step: int, steps: int) -> float:
    # Linear to zero: the run is short and its length known.
    return warmed_up(step, steps // 10) * (1 - step / steps)


def _classes(table: pd.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
    found = []
    for column in ("sequence", "plane"):
        codes, _ = pd.factorize(table[column], sort=True)
        found.append(torch.tensor(codes.astype("int64")))
    return found[0], found[1]


def _known_class(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    known = labels >= 0
    return functional.cross_entropy(scores[known], labels[known]) if known.any() else scores.sum() * 0


def _known_value(guesses: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    known = values.isfinite()
    return functional.mse_loss(guesses[known], values[known]) if known.any() else guesses.sum() * 0
