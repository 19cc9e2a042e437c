"""What a GPU brings: every way to train on one, for linear, conv and resnet, and its floor.

    python bench/gpu.py --out gpu.jsonl                     (about ten minutes)
    python bench/gpu.py --parts facts,linear --out gpu.jsonl
    python bench/gpu.py --device cpu --tiny --out gpu.jsonl (tries the script itself)

Each part is a process of its own with a limit of time, and adds its lines to the file as it finds
them. MNIST (VAE_LAB_DATA) for linear and conv; random images of CIFAR-10's shape for resnet, of
which only the times count. The part `processor` times the same machine's processor, on two cores.
"""

import argparse
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gpu_loops as loops
import gpu_product as product
import torch
from gpu_loops import Row
from measure import interleaved
from peaks import SIDE
from peaks import precisions as processor_precisions
from peaks import product as square_product
from training import STEPS, variants

from vae_lab import environment

SIZES = [128, 512, 1024, 4096]
RATES = {"linear": 1e-2, "conv": 5e-3}
SECONDS_OF_A_PART = 120


class Scale:
    """How much is measured, and where."""

    def __init__(self, device: str, *, tiny: bool) -> None:
        self.device, self.tiny = device, tiny
        self.trainer = ["trainer=gpu"] if device == "cuda" else []
        few = ["+trainer.limit_train_batches=3", "+trainer.limit_val_batches=2"]
        self.common = [*self.trainer, "data=mnist_5k", *few] if tiny else self.trainer

    def epochs(self, number: int) -> int:
        return 1 if self.tiny else number

    def of(self, values: list[Any]) -> list[Any]:
        return values[:2] if self.tiny else values


def facts(scale: Scale) -> Iterator[Row]:
    """Yields the card, its peaks, and the work of a step."""
    commands = ["lscpu", "nvidia-smi -q -d CLOCK", "nvidia-smi"]
    for command in commands:
        try:
            done = subprocess.run(command.split(), capture_output=True, text=True, timeout=20)
            yield {"command": command, "output": done.stdout}
        except OSError as error:
            yield {"command": command, "output": str(error)}
    yield {
        "versions": environment.versions(), "machine": environment.machine(),
        "platform": platform.platform(), "cores": os.cpu_count(),
        "commit": os.environ.get("BENCH_COMMIT") or environment.git_commit(),
        "card": torch.cuda.get_device_name() if scale.device == "cuda" else None,
    }  # fmt: skip
    yield from loops.peaks(scale.device, 256 if scale.tiny else 8192)
    for kind in loops.SHAPES:
        yield loops.work_of_a_step(kind, 4 if scale.tiny else 128)


def floors(scale: Scale) -> Iterator[Row]:
    precisions = ["TF32", "bf16", "fp32"]
    for kind, sizes in (("resnet", [128, 1024]), ("conv", SIZES), ("linear", SIZES)):
        if scale.tiny:
            sizes = [8]
        for row in loops.floors(kind, scale.device, sizes, scale.of(precisions)):
            yield {"model": kind, **row}


def compiled_floors(scale: Scale) -> Iterator[Row]:
    for kind, precisions in (("conv", ["TF32", "bf16"]), ("linear", ["TF32"])):
        size = 8 if scale.tiny else 128
        for row in loops.compiled(kind, scale.device, size, precisions):
            yield {"model": kind, **row}


def seeds(scale: Scale) -> Iterator[Row]:
    size = 8 if scale.tiny else 128
    for kind, numbers, ways in (
        ("linear", [1, 4, 16, 64, 256], ["fp32", "TF32"]),
        ("conv", [1, 4, 16], ["TF32"]),
    ):
        for row in loops.many_seeds(kind, scale.device, scale.of(numbers), ways, size):
            yield {"model": kind, **row}


def epochs(kind: str, ways: Mapping[str, list[str]], scale: Scale) -> Iterator[Row]:
    """Yields the epochs of the product by way."""
    common, number = scale.common, scale.epochs(3)
    with tempfile.TemporaryDirectory() as folder:
        if kind == "resnet":
            path = product.photographs(Path(folder) / "random.npz", 400 if scale.tiny else 50_000)
            limit = [f"+trainer.limit_train_batches={2 if scale.tiny else 100}"]
            common = [*scale.trainer, "data=npz", f"data.path={path}", "data.num_test=100", *limit,
                      f"data.num_val={100 if scale.tiny else 5000}"]  # fmt: skip
            number = scale.epochs(2)
        for row in product.epochs(kind, common, dict(scale.of([*ways.items()])), number):
            yield {"model": kind, **row}


def where(scale: Scale) -> Iterator[Row]:
    """Yields where the processor waits for the GPU, and what the GPU does in a step."""
    few = ["+trainer.limit_train_batches=60", "trainer.max_epochs=1"]
    for kind in ("linear", "conv"):
        one = product.Product(kind, [*scale.trainer, *few])
        yield {"model": kind, **product.waits(one, [])}
        for overrides in ([], ["matmul_precision=high"]):
            yield {"model": kind, **product.kernels(one, overrides)}


def sizes(kind: str, scale: Scale) -> Iterator[Row]:
    number = scale.epochs(10)
    for row in product.batches(kind, scale.common, scale.of(SIZES), RATES[kind], number):
        yield {"model": kind, **row}


def quality(kind: str, scale: Scale) -> Iterator[Row]:
    """Yields whole runs of the shortest recipe, in two ways."""
    short = [*scale.common, f"experiment=shortest_{kind}", "latent_dim=10", *product.OFF]
    if scale.tiny:
        short.append("trainer.max_epochs=1")
    for name in ("TF32", "fp32"):
        yield {"model": kind, **product.whole(f"recipe, {name}", [*short, *product.WAYS[name]])}


def pictures(scale: Scale) -> Iterator[Row]:
    """Yields runs of 20 epochs of few steps, with the default pictures and without, and compiled.

    What a run with pictures takes more is theirs: they take as long after few steps as after many.
    """
    for kind in ("linear", "conv"):
        few = [*scale.trainer, f"model={kind}", "latent_dim=10", "+trainer.limit_train_batches=20",
               f"trainer.max_epochs={scale.epochs(20)}"]  # fmt: skip
        if scale.tiny:
            few.append("data=mnist_5k")
        drawn = [*few, "trainer.enable_progress_bar=false"]
        ways = {"none": [*few, *product.OFF], "default": drawn}
        if kind == "conv":
            ways["default, CUDA graphs"] = [*drawn, product.GRAPHS, "matmul_precision=high"]
        for name, overrides in ways.items():
            yield {"model": kind, **product.whole(name, overrides)}


def processor(scale: Scale) -> Iterator[Row]:
    """Yields the times of linear and conv on two cores of the processor, GPUs hidden."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.sched_setaffinity(0, two_cores())
    torch.set_num_threads(2)
    from vae_lab.data.datamodule import ImageDataModule

    for name, dtype in processor_precisions().items():
        yield {"peak": name, "gflop_per_second": 2 * SIDE**3 / square_product(dtype) / 1e9}
    data_name = "mnist_5k" if scale.tiny else "mnist"
    config = product.Product("linear", [f"data={data_name}"]).config([])
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    for kind in ("linear", "conv"):
        steps = 2 if scale.tiny else STEPS[kind][1] // 2
        wanted = {"plain loop", "vae_lab, bare", "plain loop, fp32", "vae_lab, bare, fp32"}
        found = variants(kind, data, [f"data={data_name}"], None)
        chosen = {name: partial(found[name], steps) for name in found if name in wanted}
        seconds = interleaved(chosen, rounds=1 if scale.tiny else 3)
        yield {"model": kind, "steps": steps, "seconds": seconds}


def two_cores() -> set[int]:
    """Returns a processor number of each of two cores, if there are two."""
    chosen: dict[str, int] = {}
    for number in sorted(os.sched_getaffinity(0)):
        path = Path(f"/sys/devices/system/cpu/cpu{number}/topology/core_id")
        chosen.setdefault(path.read_text() if path.exists() else str(number), number)
    return {*list(chosen.values())[:2]}


PARTS: dict[str, Callable[[Scale], Iterator[Row]]] = {
    "facts": facts,
    "pictures": pictures,
    "linear": partial(epochs, "linear", product.WAYS),
    "conv": partial(epochs, "conv", product.WAYS),
    "resnet": partial(epochs, "resnet", product.WAYS),
    "where": where,
    "floors": floors,
    "seeds": seeds,
    "quality-linear": partial(quality, "linear"),
    "quality-conv": partial(quality, "conv"),
    "sizes-linear": partial(sizes, "linear"),
    "sizes-conv": partial(sizes, "conv"),
    "conv-compiled": partial(epochs, "conv", product.COMPILED),
    "resnet-compiled": partial(epochs, "resnet", product.COMPILED),
    "linear-compiled": partial(epochs, "linear", product.COMPILED),
    "floors-compiled": compiled_floors,
    "conv-autotuned": partial(epochs, "conv", product.AUTOTUNED),
    "processor": processor,
}


def run_part(name: str, scale: Scale, path: Path) -> None:
    """Runs a part in this process and adds its lines to the file."""
    os.setpgid(0, 0)
    start = time.perf_counter()
    with path.open("a", encoding="utf-8") as file:
        for row in PARTS[name](scale):
            row = {"part": name, "at": round(time.perf_counter() - start, 2), **row}
            file.write(json.dumps(row, default=str) + "\n")
            file.flush()
            print(json.dumps(row, default=str)[:330], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true", help="steps that only try the script")
    parser.add_argument("--budget", type=float, default=900, help="seconds of all parts")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    scale = Scale(options.device, tiny=options.tiny)
    end, context = time.monotonic() + options.budget, multiprocessing.get_context("fork")
    for name in options.parts.split(","):
        start = time.monotonic()
        limit = min(SECONDS_OF_A_PART, end - start)
        if limit < 3:
            print(f"{name}: no time left")
            continue
        # A copy of this process, which has imported everything and not touched the GPU.
        process = context.Process(target=run_part, args=(name, scale, options.out))
        process.start()
        process.join(limit)
        if process.is_alive() and process.pid:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
        code, took = process.exitcode, time.monotonic() - start
        print(f"== {name}: {took:.1f} s, exit code {code}", flush=True)


if __name__ == "__main__":
    main()
