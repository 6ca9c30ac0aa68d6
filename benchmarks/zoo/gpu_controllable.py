"""A config and a GPU in, one JSON out: training steps and drawn slices a second of Controllable-MR, and memory.

    python benchmarks/zoo/gpu_controllable.py [--config paper] [--size 256] [--minutes 3] --out controllable_gpu.json

Random weights, latents, lines and captions of a fixed length: speed depends on none of them. `--config tiny --size 64`
also runs on a CPU, to see that it works.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from brainldm.autoencoder import downsampling
from brainldm.controllable.network import ControlledUNet, Under
from brainldm.controllable.settings import ControlConfig, load_control_config
from brainldm.descent import descend
from brainldm.device import inference_device, make_accelerator
from brainldm.samplers import make_sampler
from brainldm.sampling import guided, sample
from brainldm.schedule import ForwardProcess
from brainldm.text.protocol import EncodedText
from brainldm.train_ldm import Batch
from brainldm.unet import TextUNet

TOKENS, WIDTH = 77, 768  # CLIP's
WARM_UP = 2


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="paper")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    if not on_gpu and given.config != "tiny":
        raise SystemExit("no GPU: only --config tiny --size 64 runs on a CPU; nothing was measured")
    config = load_control_config(given.config)
    bench = Bench(config, given.size, inference_device())
    seconds = 30 * given.minutes
    record: dict[str, Any] = {
        "command": f"python benchmarks/zoo/gpu_controllable.py --config {given.config} --size {given.size}",
        "machine": torch.cuda.get_device_name() if on_gpu else "CPU",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "batch": config.training.batch,
        "training_steps_per_s": per_second(bench.learn, seconds),
        "drawn_slices_per_s": config.training.batch * per_second(bench.draw, seconds),
        "drawing": f"{config.sampling.sampler}, {config.sampling.steps} steps, guidance {config.sampling.guidance:g}",
    }
    if on_gpu:
        record["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    record["days_of_training"] = config.training.steps / record["training_steps_per_s"] / 86_400
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


class Bench:
    """The network on one device with data of its size: one training step, and one batch drawn."""

    def __init__(self, config: ControlConfig, size: int, device: torch.device) -> None:
        torch.manual_seed(0)
        side, self.count = size // downsampling(config.base.vae), config.training.batch
        self.config, self.shape = config, (config.base.vae.latent_channels, side, side)
        main = TextUNet(config.base.unet, self.shape, WIDTH)
        self.network = ControlledUNet(main, config.base.unet, config.control).to(device)
        trained = self.network.trained(config.control.main_trained)
        self.optimizer = torch.optim.AdamW(trained.parameters(), lr=config.training.learning_rate)
        self.accelerator = make_accelerator(config.training.precision)
        self.process = ForwardProcess(config.base.noise)
        self.lines = (torch.rand(self.count, 1, size, size) > 0.9).float().to(device)
        self.text = EncodedText(
            tokens=torch.randn(self.count, TOKENS, WIDTH),
            mask=torch.ones(self.count, TOKENS, dtype=torch.bool),
            pooled=torch.randn(self.count, WIDTH),
        )
        self.batch = Batch(
            torch.randn(self.count, *self.shape), torch.randn(self.count, *self.shape),
            torch.randint(config.base.noise.timesteps, (self.count,)), self.text,
        ).to(device)  # fmt: skip

    def learn(self) -> None:
        """Do one optimizer step."""

        def under(*given: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.network(*given, self.lines)
            return made

        self.accelerator.backward(self.batch.loss(under, self.process, 0.0, self.accelerator))
        rate, clip = self.config.training.learning_rate, self.config.training.clip_norm
        descend(self.optimizer, learning_rate=rate, clip_norm=clip, warmup_steps=0, step=0)

    def draw(self) -> None:
        """Draw one batch of latents, as `generate --mask` does."""
        how, against = self.config.sampling, EncodedText(**{k: v[:1] for k, v in vars(self.text).items()})
        scheduler = make_sampler(how.sampler, self.config.base.noise)
        with self.accelerator.autocast():
            denoise = guided(Under(self.network, self.lines), self.text, against, how.guidance)
            sample(denoise, scheduler, how.steps, self.shape, range(self.count))


def per_second(work: Callable[[], None], seconds: float) -> float:
    """Return how often `work` is done in a second, after two runs that do not count."""
    done, begun = -WARM_UP, time.perf_counter()
    while done < 1 or time.perf_counter() - begun < seconds:
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        done += 1
        if done <= 0:
            begun = time.perf_counter()
    return done / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
