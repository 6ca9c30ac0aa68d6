"""A config in, samples per second of the tutorial's training loop and of ours out, one row for each change.

    python benchmarks/ldm/speed.py --config tiny --seconds 20 --out benchmarks/ldm/speed_cpu.json

The same network, data and machine in one run: random slices in RAM and captions of a fixed length. The first row
encodes every image and every caption again at every step, pads text to 512 tokens and uses PyTorch's default flags,
as the 2d_ldm tutorial does; each following row adds one change.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from brainldm.autoencoder import build_vae, downsampling
from brainldm.config import Config, load_config
from brainldm.schedule import ForwardProcess
from brainldm.unet import TextUNet

BATCH = 40  # the paper's
PADDED = 512  # the tutorial pads to BiomedBERT's limit
WARM_UP = 3
PAPER_SAMPLES = 24_000 * 100
VOCABULARY = 30_522


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to train."""

    name: str
    cached_latents: bool = False
    cached_text: bool = False
    trimmed: bool = False
    tf32: bool = False
    bf16: bool = False
    compiled: bool = False


def ways(on_gpu: bool) -> Iterator[Way]:
    """Yield the tutorial's way, then one change more each."""
    way = Way(name="tutorial")
    yield way
    changes: list[tuple[str, dict[str, bool]]] = [
        ("+ cached latents", {"cached_latents": True}),
        ("+ cached text", {"cached_text": True}),
        ("+ text trimmed and masked", {"trimmed": True}),
    ]
    if on_gpu:
        yield replace(way, name="tutorial with TF32", tf32=True)
        changes += [("+ bf16, TF32", {"bf16": True, "tf32": True}), ("+ compile", {"compiled": True})]
    for name, change in changes:
        way = replace(way, name=name, **change)
        yield way


class Bench:
    """Networks and data on one device, and one training step in any way."""

    def __init__(self, config: Config, size: int, tokens: int, device: torch.device) -> None:
        torch.manual_seed(0)
        factor = downsampling(config.vae)
        self.shape = (config.vae.latent_channels, size // factor, size // factor)
        self.device, self.tokens, self.process = device, tokens, ForwardProcess(config.noise)
        self.vae: Any = build_vae(config.vae).to(device).eval().requires_grad_(False)
        self.bert: Any = BertModel(_bert(config)).to(device).eval().requires_grad_(False)
        width = self.bert.config.hidden_size
        self.network = TextUNet(config.unet, self.shape, width).to(device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-5)
        self.images = torch.rand(BATCH, 1, size, size, device=device)
        self.ids = torch.randint(5, VOCABULARY, (BATCH, PADDED), device=device) % self.bert.config.vocab_size
        self.clean = torch.randn(BATCH, *self.shape, device=device)
        self.states = torch.randn(BATCH, PADDED, width, device=device)
        self.compute: Any = self.network

    def step(self, way: Way) -> None:
        """Do one optimizer step."""
        length = self.tokens if way.trimmed else PADDED
        mask = (torch.arange(length, device=self.device) < (self.tokens if way.trimmed else PADDED)).expand(BATCH, -1)
        with torch.no_grad():
            clean = self.clean if way.cached_latents else self._encode()
            states = self.states[:, :length] if way.cached_text else self.bert(self.ids[:, :length]).last_hidden_state
        noise = torch.randn_like(clean)
        timesteps = torch.randint(1000, (BATCH,), device=self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=way.bf16):
            guess = self.compute(self.process.noisy(clean, noise, timesteps), timesteps, states, mask, states[:, 0])
        loss = (guess.float() - self.process.target(clean, noise, timesteps)).square().mean()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _encode(self) -> torch.Tensor:
        mean, deviation = self.vae.encode(self.images)
        return mean + deviation * torch.randn_like(mean)


def measure(bench: Bench, way: Way, seconds: float) -> dict[str, Any]:
    """Return samples per second and peak memory of `way`, warm-up excluded."""
    on_gpu = bench.device.type == "cuda"
    bench.compute = torch.compile(bench.network) if way.compiled else bench.network
    with _tf32(way.tf32):
        for _ in range(WARM_UP):
            bench.step(way)
        if on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds or steps < 2:
            bench.step(way)
            steps += 1
            if on_gpu:
                torch.cuda.synchronize()
        elapsed = time.perf_counter() - begun
    rate = BATCH * steps / elapsed
    return {
        **asdict(way), "samples_per_s": rate, "steps": steps, "hours_for_24000x100": PAPER_SAMPLES / rate / 3600,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None,
    }  # fmt: skip


def training_flops(bench: Bench) -> float:
    """Return the FLOPs of one sample's forward and backward pass through the U-Net, trimmed text."""
    way = Way(name="flops", cached_latents=True, cached_text=True, trimmed=True)
    bench.compute = bench.network
    with FlopCounterMode(display=False) as counter:
        bench.step(way)
    return counter.get_total_flops() / BATCH


def run(config: Config, size: int, tokens: int, seconds: float, peak_tflops: float | None) -> dict[str, Any]:
    """Return the whole table as the benchmark's JSON."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bench = Bench(config, size, tokens, device)
    flops = training_flops(bench)
    rows = [measure(bench, way, seconds) for way in ways(device.type == "cuda")]
    for row in rows:
        row["times_tutorial"] = row["samples_per_s"] / rows[0]["samples_per_s"]
        share = flops * row["samples_per_s"] / 1e12
        row["share_of_peak"] = share / peak_tflops if peak_tflops else None
    return {
        "config": config.name, "parameters": sum(p.numel() for p in bench.network.parameters()), "batch": BATCH,
        "image": [size, size], "latent": list(bench.shape), "tokens": tokens, "gflop_per_sample": flops / 1e9,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(), "torch": torch.__version__, "date": date.today().isoformat(), "rows": rows,
    }  # fmt: skip


def _bert(config: Config) -> BertConfig:
    text = config.text
    layers = 12 if text.width == 768 else text.layers  # BiomedBERT's own depth where the config stands in for it
    return BertConfig(
        vocab_size=VOCABULARY if text.width == 768 else text.vocabulary, hidden_size=text.width,
        num_hidden_layers=layers, num_attention_heads=text.heads, intermediate_size=4 * text.width,
        max_position_embeddings=PADDED,
    )  # fmt: skip


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else before[0])
    torch.backends.cudnn.allow_tf32 = allowed or before[1]
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def main() -> None:
    """Parse the arguments, measure, write the JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=170, help="tokens of a caption after trimming")
    parser.add_argument("--seconds", type=float, default=20.0, help="per row")
    parser.add_argument("--peak-tflops", type=float, default=None, help="the device's bf16 peak")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    table = run(load_config(options.config), options.size, options.tokens, options.seconds, options.peak_tflops)
    options.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    for row in table["rows"]:
        rate, times, hours = row["samples_per_s"], row["times_tutorial"], row["hours_for_24000x100"]
        print(f"{row['name']:28s} {rate:9.1f} samples/s  {times:5.2f}×  24,000×100 in {hours:8.2f} h")


if __name__ == "__main__":
    main()
