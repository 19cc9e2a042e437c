"""What a GPU can do with these models, without Lightning: for `bench/gpu.py`.

The product's own networks and loss in a plain loop; the same step as one CUDA graph; the same with
its networks compiled; many seeds of a model as one batched model; the card's peaks.

Shapes: B images per batch, C, H, W of an image, Z latent dimensions, S seeds.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils.flop_counter import FlopCounterMode

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.matrix_products import matrix_products
from vae_lab.vae import VAE

LATENT_DIM = 10
SHAPES = {"linear": (1, 28, 28), "conv": (1, 28, 28), "resnet": (3, 32, 32)}
# How the products are computed, and whether the networks are in bf16.
PRECISIONS = {"fp32": ("highest", False), "TF32": ("high", False), "bf16": ("highest", True)}

Row = dict[str, Any]
Step = Callable[[], object]


@cache
def config_of(kind: str) -> Row:
    (job,) = compose_jobs([f"model={kind}", "optimizer=adam", f"latent_dim={LATENT_DIM}"])
    return resolved(job.config)


def model_of(kind: str, device: str, *, seed: int = 0) -> VAE:
    return VAE.from_config(config_of(kind) | {"seed": seed}, SHAPES[kind], trust=True).to(device)


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds_per_step(step: Step, device: str, *, at_least: float = 0.3) -> float:
    """Returns the seconds of a step, from as many as take some time, after a few that warm up."""
    for _ in range(5):
        step()
    count = 10
    while True:
        wait(device)
        start = time.perf_counter()
        for _ in range(count):
            step()
        wait(device)
        seconds = time.perf_counter() - start
        if seconds >= at_least:
            return seconds / count
        count = 1 + int(count * min(20.0, 1.2 * at_least / max(seconds, 1e-4)))


class Training:
    """The step of a plain loop: images by index, noise, loss, gradients, fused Adam."""

    def __init__(self, kind: str, batch: int, device: str, *, bf16: bool) -> None:
        self.model, self.device, self.bf16 = model_of(kind, device), device, bf16
        self.images = torch.randint(256, (50_000, *SHAPES[kind]), dtype=torch.uint8, device=device)
        self.order = torch.randperm(len(self.images), device=device)
        self.index, self.at = self.order[:batch].clone(), 0
        capturable = {"capturable": True} if device == "cuda" else {}
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=1e-3, fused=True, **capturable
        )
        self.generator = torch.Generator()

    def work(self) -> None:
        x = self.images.index_select(0, self.index).float().div_(255)
        noise = torch.randn(1, len(x), LATENT_DIM, device=self.device)
        # No cache of weights in bf16: a graph would keep the first ones.
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            loss, _ = self.model.score(x, noise, generator=self.generator)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def next_batch(self) -> None:
        size = len(self.index)
        self.at = (self.at + size) % (len(self.order) - size)
        self.index.copy_(self.order[self.at : self.at + size])

    def step(self) -> None:
        self.next_batch()
        self.work()

    def graphed(self) -> Step:
        """Returns the same step, the work of it replayed as one CUDA graph."""
        replay = graph_of(self.work)

        def step() -> None:
            self.next_batch()
            replay()

        return step

    def compile(self) -> None:
        for network in (self.model.encoder, self.model.decoder):
            network.compile()


def floors(kind: str, device: str, batches: list[int], precisions: list[str]) -> Iterator[Row]:
    """Yields the time of a plain loop's step, and of the same step as one CUDA graph."""
    for batch in batches:
        for name in precisions:
            products, bf16 = PRECISIONS[name]
            for graph in (False, True) if device == "cuda" else (False,):
                with matrix_products(products):
                    training = Training(kind, batch, device, bf16=bf16)
                    step = training.graphed() if graph else training.step
                    seconds = seconds_per_step(step, device)
                way = "one CUDA graph" if graph else "plain loop"
                yield {"way": way, "precision": name, "batch": batch, **rates(seconds, batch)}


def compiled(kind: str, device: str, batch: int, precisions: list[str]) -> Iterator[Row]:
    """Yields the same with compiled networks, and the seconds that compiling took."""
    for name in precisions:
        products, bf16 = PRECISIONS[name]
        torch._dynamo.reset()
        with matrix_products(products):
            training = Training(kind, batch, device, bf16=bf16)
            training.compile()
            start = time.perf_counter()
            training.step()
            wait(device)
            took = time.perf_counter() - start
            step = training.graphed() if device == "cuda" else training.step
            seconds = seconds_per_step(step, device)
        yield {"way": "compiled, one CUDA graph", "precision": name, "batch": batch,
               "compile_seconds": took, **rates(seconds, batch)}  # fmt: skip


def rates(seconds: float, images: int) -> Row:
    return {"milliseconds": 1000 * seconds, "images_per_second": images / seconds}


class Loss(nn.Module):
    """The loss of a model as a module's output, so that torch can batch models."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model, self.generator = model, torch.Generator()

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.model.score(x, noise, generator=self.generator)[0]


def batched(kind: str, num_seeds: int, device: str) -> tuple[dict[str, Tensor], Callable[..., Any]]:
    """Returns the weights of S models (S, ...), and x (S, B, C, H, W), noise -> their losses."""
    models = [Loss(model_of(kind, device, seed=seed)) for seed in range(num_seeds)]
    weights, buffers = stack_module_state(models)  # type: ignore[arg-type]
    one = models[0]

    def loss(own: Any, held: Any, x: Tensor, noise: Tensor) -> Tensor:
        return functional_call(one, (own, held), (x, noise))

    every = vmap(loss)
    return weights, lambda x, noise: every(weights, buffers, x, noise)


def many_seeds(
    kind: str, device: str, seeds: list[int], precisions: list[str], batch: int = 128
) -> Iterator[Row]:
    """Yields how fast S models with batches of their own train as one, in a graph where there are.

    The gradients of the sum of the losses are those of each model, and Adam works on each number.
    """
    side = SHAPES[kind]
    images = torch.randint(256, (50_000, *side), dtype=torch.uint8, device=device)
    for name in precisions:
        for num_seeds in seeds:
            with matrix_products(PRECISIONS[name][0]):
                weights, losses = batched(kind, num_seeds, device)
                capturable = {"capturable": True} if device == "cuda" else {}
                own = [*weights.values()]
                optimizer = torch.optim.Adam(own, lr=1e-3, fused=True, **capturable)

                def work() -> None:
                    index = torch.randint(len(images), (num_seeds * batch,), device=device)  # noqa: B023
                    x = images.index_select(0, index).float().div_(255)
                    noise = torch.randn(num_seeds, 1, batch, LATENT_DIM, device=device)  # noqa: B023
                    losses(x.unflatten(0, (num_seeds, batch)), noise).sum().backward()  # noqa: B023
                    optimizer.step()  # noqa: B023
                    optimizer.zero_grad(set_to_none=True)  # noqa: B023

                step = graph_of(work) if device == "cuda" else work
                seconds = seconds_per_step(step, device)
            yield {"seeds": num_seeds, "precision": name, "batch": batch,
                   **rates(seconds, num_seeds * batch)}  # fmt: skip


def graph_of(work: Step) -> Step:
    """Returns a step, replayed as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def peaks(device: str, side: int) -> Iterator[Row]:
    """Yields the best rates of large products and of a copy."""
    for name, (products, bf16) in PRECISIONS.items():
        dtype = torch.bfloat16 if bf16 else torch.float32
        left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        with matrix_products(products):
            seconds = seconds_per_step(lambda: left @ right, device, at_least=0.3)  # noqa: B023
        yield {"peak": name, "tflop_per_second": 2 * side**3 / seconds / 1e12}
    source = torch.empty(side, side, 16, device=device).normal_()
    target = torch.empty_like(source)
    seconds = seconds_per_step(lambda: target.copy_(source), device, at_least=0.3)
    moved = 2 * source.numel() * source.element_size()
    yield {"peak": "copy", "gigabyte_per_second": moved / seconds / 1e9}


def work_of_a_step(kind: str, batch: int = 128) -> Row:
    """Returns the operations of a step, and the bytes that it moves at least in fp32.

    Operations as torch counts them, forwards and backwards. Bytes: every layer's output is written,
    read, and its gradient is written and read; of each weight, the gradient and Adam's two moments
    are read and written, and the weight too; images are read as bytes.
    """
    model = model_of(kind, "cpu")
    outputs: list[int] = []
    hooks = [part.register_forward_hook(lambda *it: outputs.append(it[2].numel()))
             for part in model.modules() if not [*part.children()]
             and isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.ReLU | nn.SiLU
                            | nn.GroupNorm)]  # fmt: skip
    counter = FlopCounterMode(display=False)
    with counter:
        x = torch.rand(batch, *SHAPES[kind])
        loss, _ = model.score(x, torch.randn(1, batch, LATENT_DIM))
        loss.backward()
    for hook in hooks:
        hook.remove()
    weights = sum(parameter.numel() for parameter in model.parameters())
    moved = 4 * 4 * sum(outputs) + 8 * 4 * weights + x.numel()
    return {"model": kind, "batch": batch, "gflop": counter.get_total_flops() / 1e9,
            "megabyte": moved / 1e6, "parameters": weights}  # fmt: skip
