"""What every bench shares: timings within a budget of time, their medians and spread, the file.

Machines are noisy, so a figure is only worth its counterpart of the same minute: every round times
each variant once, one after the other, and ratios are taken within a round. Machines differ too:
what a bench measures is bounded by time, not by steps or rounds.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab import environment
from vae_lab.cli.jobs import compose_jobs
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.training.request import RunRequest

# Does so much work and returns the seconds it took, start-up not counted.
Timed = Callable[[], float]
# The same for so many steps.
TimedSteps = Callable[[int], float]
# Linux's names of instruction sets that products run on, and how a table calls them.
INSTRUCTION_SETS = {
    "avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "avx512_bf16", "amx_bf16": "amx_bf16",
    "asimd": "asimd", "sve": "sve", "bf16": "bf16",
}  # fmt: skip
# What bounds the instruction sets of torch and of its libraries: to imitate another processor.
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
NO_BF16 = "bf16 is left out: no instructions for it here, so it would be emulated."


class Spread(NamedTuple):
    """The median of some repeats, and the smallest and largest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.median:.3g}"
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def spread(values: list[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def options(
    about: str | None, *, budget: float, quick: float, rounds: int = 7, data: bool = True
) -> argparse.Namespace:
    """Returns what a bench is asked on its command line: alike, for make gives ARGS to all.

    Args:
        about: what --help says.
        budget: the seconds that the measurements may take; `quick` those with --quick.
        rounds: at most so many.
        data: whether one may choose the data.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if data:
        parser.add_argument("--data", default="mnist", help="mnist (VAE_LAB_DATA) or mnist_5k")
    parser.add_argument("--quick", action="store_true", help=f"{quick:g} seconds, fewer points")
    seconds = f"seconds to measure in, one round at least: {budget:g}, with --quick {quick:g}"
    parser.add_argument("--budget", type=float, help=seconds)
    parser.add_argument("--rounds", type=int, default=rounds, help="at most so many")
    parser.add_argument("--threads", type=int, help="of every variant; as a user has them")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.budget = asked.budget or (quick if asked.quick else budget)
    return asked


def interleaved(
    variants: Mapping[str, Timed], *, rounds: int, warm_up: bool = True, end: float | None = None
) -> dict[str, list[float]]:
    """Returns the seconds of each variant in each round, after a first round that is not counted.

    Every other round goes backwards, so that none always follows the same neighbour. Processes need
    no round to warm up: each starts cold every time. No round begins that would last beyond `end`,
    a time of `time.monotonic`, if it took as long as the longest before; one is always counted.
    """
    names = list(variants)
    found: dict[str, list[float]] = {name: [] for name in names}
    longest = 0.0
    for number in range(0 if warm_up else 1, rounds + 1):
        begin = time.monotonic()
        if end is not None and number > 1 and begin + longest > end:
            break
        for name in names if number % 2 else reversed(names):
            seconds = variants[name]()
            if number:
                found[name].append(seconds)
        longest = max(longest, time.monotonic() - begin)
    return found


def calibrated(
    variants: Iterable[TimedSteps],
    *,
    rounds: int,
    end: float,
    fewest: int,
    most: int,
    beside: float = 0.0,
) -> int:
    """Returns how many steps of each variant make rounds that last until `end`.

    The same number for all, so that their ratios are fair. Each runs twice with the fewest steps:
    the first time it is cold. What it takes beside its steps (a validation, a picture) belongs to
    a round, as do the seconds `beside` of what has no steps.
    """
    per_step = 0.0
    for timed in variants:
        timed(fewest)
        begin = time.monotonic()
        in_steps = timed(fewest)
        beside += max(0.0, time.monotonic() - begin - in_steps)
        per_step += in_steps / fewest
    seconds = (end - time.monotonic()) / rounds - beside
    return min(most, max(fewest, int(seconds / per_step)))


def ratios(seconds: Mapping[str, list[float]], name: str, to: str) -> Spread:
    """Returns how many times as long a variant takes as another, round by round."""
    return spread([a / b for a, b in zip(seconds[name], seconds[to], strict=True)])


def processor() -> dict[str, Any]:
    """Returns the processor, the instruction sets it has, what torch uses, and what limits that."""
    import torch  # here: not every bench needs it

    flags = environment.processor_flags()
    return {
        "machine": environment.machine(),
        "instruction_sets": [name for flag, name in INSTRUCTION_SETS.items() if flag in flags],
        "torch_uses": torch.backends.cpu.get_cpu_capability(),
        "bf16": environment.processor_has_bf16(),
        "limited_by": {name: os.environ[name] for name in LIMITS if name in os.environ},
        "cores": environment.available_cores(),
    }


def facts() -> dict[str, Any]:
    """Returns what a number depends on: the processor, versions, commit, day and load."""
    return {
        **processor(),
        "versions": environment.versions(),
        "git_commit": environment.git_commit() or "unknown",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load_average": os.getloadavg(),
    }


def caption(threads: str, found: Mapping[str, Any] | None = None) -> str:
    """Returns the line above a table: these facts, by default of this moment, and the threads."""
    found = found or facts()
    limits = " ".join(f"{name}={value}" for name, value in found["limited_by"].items())
    packages = ("python", "torch", "pytorch-lightning")
    commit, _, dirty = found["git_commit"].partition("-")
    parts = [
        found["machine"],
        f"{' '.join(found['instruction_sets']) or 'instruction sets unknown'}"
        f" (torch: {found['torch_uses']}{f', limited by {limits}' if limits else ''})",
        f"bf16 {'used' if found['bf16'] else 'left out'}",
        f"{found['cores']} cores, {threads}",
        ", ".join(f"{package} {found['versions'][package]}" for package in packages),
        f"commit {commit[:7]}{dirty and '-dirty'}",
        found["date"],
        f"load {found['load_average'][0]:.1f}",
    ]
    return "; ".join(parts) + "."


def write(path: Path, question: str, settings: Mapping[str, Any], found: Any) -> None:
    """Writes what was found with the facts behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {name: str(of) if isinstance(of, Path) else of for name, of in settings.items()}
    report = {"question": question, "settings": named, **facts(), "found": found}
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def train(*overrides: str) -> RunResult:
    """Runs one job in a folder that is deleted afterwards, and returns its result."""
    from vae_lab.training.run import run  # imports torch

    (job,) = compose_jobs(overrides)
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            config=job.values,
            choices=job.choices,
            folder=RunFolder(Path(folder)),
            command="bench",
            trust=True,
        )
        return run(request)
