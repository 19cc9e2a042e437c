"""What each trick brings on this processor: the same work with it and without it, in pairs.

    python bench/tricks.py --out tricks.json                (100 seconds)

A layer's row is its forward and backward pass on 128 images of MNIST; a step's row is a whole step
of a plain loop over the model of `model=conv` or `model=linear`, latent dimension 10. Each pair
computes the same function up to rounding. "used" says whether the product does it.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from measure import NO_BF16, Timed, caption, interleaved, options, ratios, spread, table, write
from peers import BATCH
from torch import Tensor, nn

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.environment import available_cores, gpus_hidden, processor_has_bf16
from vae_lab.generative_model import BATCH as BATCH_OUTSIDE
from vae_lab.likelihoods import Bernoulli
from vae_lab.networks.conv import Doubling, ToImage, halving
from vae_lab.vae import VAE

LATENT_DIM = 10
REPEATS = 5


class Trick(NamedTuple):
    """One thing done in two ways."""

    name: str
    used: str  # yes, no, or when
    without: Timed
    with_it: Timed


def images_like(*shape: int) -> Tensor:
    """Returns numbers of such a shape, channels innermost in memory, that ask for a gradient."""
    values = torch.randn(shape).contiguous(memory_format=torch.channels_last)
    return values.requires_grad_()


class Passes:
    """Forward and backward passes of a layer; the quickest of some counts."""

    def __init__(self, layer: Callable[..., Tensor], *inputs: Tensor, bf16: bool = False) -> None:
        self.layer, self.inputs, self.bf16 = layer, inputs, bf16

    def forward(self) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return self.layer(*self.inputs)

    def __call__(self) -> float:
        return min(self._pass() for _ in range(REPEATS))

    def _pass(self) -> float:
        start = time.perf_counter()
        out = self.forward()
        torch.autograd.backward(out, torch.ones_like(out))
        return time.perf_counter() - start


class Steps:
    """Steps of a plain loop over a model of the product; the quickest of some counts."""

    def __init__(self, kind: str, *overrides: str, bf16: bool = False, threads: int = 1) -> None:
        (job,) = compose_jobs([f"model={kind}", f"latent_dim={LATENT_DIM}", *overrides])
        self.config, self.bf16, self.threads = resolved(job.config), bf16, threads
        self.model = VAE.from_config(self.config, (1, 28, 28), trust=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.images = torch.randint(256, (BATCH, 1, 28, 28), dtype=torch.uint8)

    def __call__(self) -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        with gpus_hidden(self.config):
            seconds = min(self._step() for _ in range(REPEATS))
        torch.set_num_threads(before)
        return seconds

    def _step(self) -> float:
        start = time.perf_counter()
        x = self.images.float().div_(255)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss, _ = self.model.score(x, torch.randn(1, BATCH, LATENT_DIM))
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return time.perf_counter() - start


def decoding(kind: str, at_once: int) -> Timed:
    """Returns what times an evaluation's decoding of 2,000 latent points, so many at a time."""
    model = Steps(kind).model.eval()
    parts = torch.randn(1, 2000, LATENT_DIM).split(at_once, dim=1)

    def seconds() -> float:
        start = time.perf_counter()
        with torch.no_grad():
            for z in parts:
                model.outputs(z)
        return time.perf_counter() - start

    return seconds


def cross_entropy(outputs: Tensor, x: Tensor) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(outputs, x.expand_as(outputs), reduction="none")
    return -loss.flatten(2).sum(dim=2)


def transposed(layer: nn.ConvTranspose2d, h: Tensor) -> Tensor:
    return F.conv_transpose2d(h, layer.weight, layer.bias, 2, 1)


def flattened_in_place(layer: nn.Linear, h: Tensor) -> Tensor:
    """The linear layer behind `h` (B, C, H, W), its weights in the order of h in memory."""
    weight = layer.weight.view(-1, *h.shape[1:]).permute(0, 2, 3, 1).flatten(1)
    return F.linear(h.permute(0, 2, 3, 1).flatten(1), weight, layer.bias)


def rectified(layer: nn.Module, h: Tensor, *, inplace: bool) -> Tensor:
    return F.relu(layer(h), inplace=inplace)


def of_layers(*, bf16: bool) -> list[Trick]:
    """Returns the tricks of single layers, in one precision."""
    low = partial(Passes, bf16=bf16)
    last, doubling, first = ToImage(64, 1, (0, 0)), Doubling(128, 64, (0, 0)), halving(1, 64)
    head = nn.Linear(6272, 2 * LATENT_DIM)
    for layer in (last, doubling, first):
        layer.to(memory_format=torch.channels_last)
    wide, deep = images_like(BATCH, 64, 14, 14), images_like(BATCH, 128, 7, 7)
    grey, logits = images_like(BATCH, 1, 28, 28), torch.randn(1, BATCH, 1, 28, 28)
    x = torch.rand(BATCH, 1, 28, 28)
    tricks = [
        Trick("the last layer as a matrix product and a sum of patches", "yes",
              low(last.general, wide), low(last.of_patches, wide)),
        Trick("the bias of the wide transposed convolution added outside", "yes",
              low(partial(transposed, doubling), deep), low(doubling, deep)),
        Trick("ReLU in place, with the first convolution", "yes",
              low(partial(rectified, first, inplace=False), grey),
              low(partial(rectified, first, inplace=True), grey)),
        Trick("no copy between the last convolution and the linear layer", "no",
              low(lambda h: head(h.flatten(1)), deep),
              low(partial(flattened_in_place, head), deep)),
    ]  # fmt: skip
    if not bf16:
        asks = logits.requires_grad_()
        tricks.append(
            Trick("the Bernoulli log-probability with few logarithms", "yes",
                  low(cross_entropy, asks, x), low(Bernoulli().log_prob, asks, x))
        )  # fmt: skip
    return tricks


def contiguous(steps: Steps) -> Steps:
    """Returns steps whose weights and activations have the channels outermost in memory."""
    steps.model.to(memory_format=torch.contiguous_format)
    return steps


def of_steps(*, bf16: bool) -> list[Trick]:
    """Returns the tricks of whole steps, in one precision."""
    cores = available_cores()
    conv = partial(Steps, "conv", bf16=bf16)
    tricks = [
        Trick("conv: channels innermost in memory", "yes", contiguous(conv()), conv()),
        Trick(f"conv: {cores} threads", "yes", conv(), conv(threads=cores)),
    ]
    if bf16:
        tricks.append(Trick("conv: bf16", "where the processor has it", Steps("conv"), conv()))
    else:
        linear = partial(Steps, "linear")
        tricks += [
            Trick(f"linear: {cores} threads", "no", linear(), linear(threads=cores)),
            *(Trick(f"{kind}, evaluation: {BATCH_OUTSIDE} points decoded at a time, not 2,000",
                    "yes", decoding(kind, 2000), decoding(kind, BATCH_OUTSIDE))
              for kind in ("linear", "conv")),
        ]  # fmt: skip
    return tricks


def measure(tricks: list[Trick], rounds: int, end: float) -> list[dict[str, Any]]:
    """Returns the seconds without and with each trick, and their ratio; prints nothing."""
    variants: dict[str, Timed] = {}
    for trick in tricks:
        variants |= {f"{trick.name}: off": trick.without, f"{trick.name}: on": trick.with_it}
    seconds = interleaved(variants, rounds=rounds, end=end)
    return [
        {
            "trick": trick.name,
            "used": trick.used,
            "without": spread(seconds[f"{trick.name}: off"]),
            "with": spread(seconds[f"{trick.name}: on"]),
            "ratio": ratios(seconds, f"{trick.name}: on", f"{trick.name}: off"),
        }
        for trick in tricks
    ]


def main() -> None:
    asked = options(__doc__, budget=100, quick=40, rounds=9, data=False)
    torch.set_num_threads(1)
    precisions = ["fp32", *(["bf16"] if processor_has_bf16() else [])]
    if len(precisions) == 1:
        print(NO_BF16)
    begin, found = time.monotonic(), {}
    for done, precision in enumerate(precisions, 1):
        bf16 = precision == "bf16"
        tricks = [
            *of_layers(bf16=bf16),
            *of_steps(bf16=bf16),
        ]
        end = begin + asked.budget * done / len(precisions)
        found[precision] = measure(tricks, asked.rounds, end)
        rows = [
            [one["trick"], one["used"], *(milliseconds(one[key]) for key in ("without", "with")),
             str(one["ratio"])]
            for one in found[precision]
        ]  # fmt: skip
        print(f"\n{precision}. {caption('one, where the row does not say')}\n")
        print(table(["trick", "used", "without, ms", "with, ms", "ratio"], rows), flush=True)
    write(asked.out, "tricks", {**vars(asked), "out": str(asked.out)}, found)


def milliseconds(seconds: Any) -> str:
    return str(spread([1e3 * value for value in seconds]))


if __name__ == "__main__":
    main()
