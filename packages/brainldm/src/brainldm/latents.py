"""Slices, a VAE and a text encoder in, a folder of latents and text embeddings out, so that training needs neither.

The folder holds ``mean.npy`` and ``deviation.npy`` (n, channels, h, w), ``tokens.npy`` (all tokens of all different
captions, trimmed) with ``offsets.npy`` and ``pooled.npy``, ``table.parquet`` (a row a slice, ``caption_row`` pointing
into the captions), the empty prompt's embedding, and what generation needs: VAE, text encoder, config.json.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load_file

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from braincaption.progress import track
from brainldm.chance import sample_generator
from brainldm.device import inference_device
from brainldm.model_folder import NULL, TEXT, VAE, ModelRecord, load_vae, read_record, save_weights, write_record
from brainldm.slices import Slices, to_float
from brainldm.text.augment import caption_variants, naming_words
from brainldm.text.fitting import fit_encoder
from brainldm.text.protocol import EncodedText, TextEncoder
from brainldm.text.registry import find_encoder, is_builtin, save_encoder
from brainldm.text.shorten import shorten
from brainldm.train_vae import describe_data

EMPTY_PROMPT = ""
_BATCH = 32
_TABLE = "table.parquet"


@dataclass(frozen=True, kw_only=True)
class Latents:
    """The training set of a diffusion model, memory-mapped.

    Attributes
    ----------
    mean, deviation : ndarray of float32, shape (n, channels, h, w)
        The VAE's posterior of each slice, unscaled.
    tokens : ndarray of float16, shape (all tokens, width)
    offsets : ndarray of int64, shape (texts + 1,)
        Text c owns tokens ``offsets[c]`` to ``offsets[c + 1]``; caption c has texts c × variants and on.
    pooled : ndarray of float32, shape (texts, width)
    table : DataFrame
        The slices' facts and ``caption_row``.
    null : EncodedText
        The empty prompt, of batch size 1.
    record : ModelRecord
    folder : Path
    """

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.float16]
    offsets: npt.NDArray[np.int64]
    pooled: npt.NDArray[np.float32]
    table: pd.DataFrame
    null: EncodedText
    record: ModelRecord
    folder: Path

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def variants(self) -> int:
        """Texts a caption: itself, then copies with phrases left out."""
        return len(self.pooled) // (int(self.table["caption_row"].max()) + 1)

    def text(self, rows: Sequence[int], variants: Sequence[int], dropped: Sequence[bool]) -> EncodedText:
        """Return the embeddings of slices `rows`, each in a given variant; the empty prompt's where `dropped`."""
        captions = self.table["caption_row"].to_numpy()[list(rows)] * self.variants + np.asarray(variants)
        pieces = [
            self.null.tokens[0] if drop else self._tokens(caption)
            for caption, drop in zip(captions, dropped, strict=True)
        ]
        pooled = torch.from_numpy(self.pooled[captions])
        pooled = torch.where(torch.tensor(dropped).unsqueeze(1), self.null.pooled, pooled)
        lengths = torch.tensor([len(piece) for piece in pieces])
        tokens = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        return EncodedText(tokens=tokens, mask=torch.arange(tokens.shape[1]) < lengths.unsqueeze(1), pooled=pooled)

    def _tokens(self, caption: int) -> torch.Tensor:
        return torch.from_numpy(self.tokens[self.offsets[caption] : self.offsets[caption + 1]].astype(np.float32))


def encode_slices(slices: Slices, model: Path, text: str, seed: int, out: Path) -> ModelRecord:
    """Encode slices and captions into the folder `out`.

    Parameters
    ----------
    slices : Slices
        The training slices, each with a caption.
    model : Path
        Folder with a VAE.
    text : str
        ``built-in``, the name of a known encoder, a Hub name that is in the local cache, or a folder.
    seed : int
        For the built-in encoder's training.
    out : Path

    Raises
    ------
    UsageError
        A slice without caption, or a VAE for another picture size.
    """
    vae, record = load_vae(model)
    _check(slices, record)
    mean, deviation = _posterior(vae, slices)
    scale = 1 / float(np.sqrt(mean.var(dtype=np.float64) + (deviation.astype(np.float64) ** 2).mean()))
    encoder = (
        fit_encoder(slices.table, torch.from_numpy(mean) * scale, record.settings.text, seed)
        if is_builtin(text)
        else find_encoder(text)
    )
    record = replace(
        record, scale_factor=scale, text=encoder.name, text_width=encoder.width, data=describe_data(slices),
        pixel_mm=_one_value(slices.table["pixel_mm"]),
        sequences=tuple(sorted(slices.table["sequence"].dropna().unique())),
    )  # fmt: skip
    with atomic_folder(out) as aside:
        np.save(aside / "mean.npy", mean)
        np.save(aside / "deviation.npy", deviation)
        _write_text(aside, slices.table, encoder, record.settings.ldm_training.caption_variants, seed)
        shutil.copyfile(model / VAE, aside / VAE)
        save_encoder(encoder, aside / TEXT)
        write_record(aside, record)
    return record


def read_latents(folder: Path) -> Latents:
    """Open what `encode_slices` wrote.

    Raises
    ------
    UsageError
        The folder is missing or holds something else.
    """
    if not (folder / _TABLE).is_file():
        raise UsageError(f"{folder} holds no latents (no {_TABLE}): make them with `brain ldm encode SLICES MODEL`")
    arrays: dict[str, Any] = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("mean", "deviation", "tokens")
    }
    arrays |= {name: np.load(folder / f"{name}.npy") for name in ("offsets", "pooled")}
    return Latents(
        **arrays,
        table=pd.read_parquet(folder / _TABLE),
        null=load_null(folder),
        record=read_record(folder),
        folder=folder,
    )


def load_null(folder: Path) -> EncodedText:
    """Return the empty prompt's embedding of a latents or model folder."""
    found = load_file(folder / NULL)
    tokens = found["tokens"]
    return EncodedText(tokens=tokens, mask=torch.ones(tokens.shape[:2], dtype=torch.bool), pooled=found["pooled"])


def _check(slices: Slices, record: ModelRecord) -> None:
    shape = tuple(slices.pictures.shape[1:])
    if shape != record.image_shape:
        raise UsageError(
            f"slices of {shape} pixels, but the VAE was trained on {record.image_shape}: render at that size"
        )
    without = int(slices.table["caption"].isna().sum())
    if without:
        raise UsageError(f"{without} of {len(slices)} training slices have no caption: run `brain caption write` first")


@torch.no_grad()
def _posterior(vae: Any, slices: Slices) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    device = inference_device()
    vae = vae.to(device)
    found: list[tuple[Any, Any]] = []
    parts = np.array_split(np.arange(len(slices)), -(-len(slices) // _BATCH))
    for part in track(parts, "Encoding slices"):
        mean, deviation = vae.encode(to_float(slices.pictures[part]).to(device))
        found.append((mean.cpu().numpy(), deviation.cpu().numpy()))
    return np.concatenate([mean for mean, _ in found]), np.concatenate([deviation for _, deviation in found])


def _write_text(folder: Path, table: pd.DataFrame, encoder: TextEncoder, variants: int, seed: int) -> None:
    rows, captions = pd.factorize(table["caption"], sort=True)
    kept = naming_words(table["caption"].tolist(), table["sequence"].tolist())
    fitting = [
        shorten(text, encoder.count, encoder.max_tokens)
        for row, caption in enumerate(captions)
        for text in caption_variants(caption, variants, sample_generator(seed, 0, row), kept)
    ]
    pieces, pooled = [], []
    for first in track(range(0, len(fitting), _BATCH), "Encoding captions"):
        text = encoder.encode(fitting[first : first + _BATCH])
        lengths = text.mask.sum(1).tolist()
        pieces += [tokens[:length].numpy() for tokens, length in zip(text.tokens, lengths, strict=True)]
        pooled.append(text.pooled.numpy())
    np.save(folder / "tokens.npy", np.concatenate(pieces).astype(np.float16))
    np.save(folder / "offsets.npy", np.cumsum([0, *(len(piece) for piece in pieces)]))
    np.save(folder / "pooled.npy", np.concatenate(pooled))
    table.assign(caption_row=rows).to_parquet(folder / _TABLE, index=False)
    null = encoder.encode([EMPTY_PROMPT])
    save_weights(folder / NULL, {"tokens": null.tokens[:, : int(null.mask.sum())], "pooled": null.pooled})


def _one_value(column: pd.Series) -> float | None:
    values = column.dropna().unique()
    return float(values[0]) if len(values) == 1 else None
