"""Where and with what a run is made: processor, memory, versions, git commit. No torch."""

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def available_cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_VISIBLE = "CUDA_VISIBLE_DEVICES"

# What Linux calls the instructions that multiply bf16 matrices: x86, then ARM.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


@contextmanager
def gpus_hidden(config: Mapping[str, Any]) -> Iterator[None]:
    """Hides GPUs from a run on the processor.

    Adam asks in every step whether there is one, and where there is none torch looks for the driver
    on the disk each time: as long as half a step of the linear model.
    """
    if config["trainer"].get("accelerator") != "cpu":
        yield
        return
    before = os.environ.get(_VISIBLE)
    os.environ[_VISIBLE] = ""
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VISIBLE]
        else:
            os.environ[_VISIBLE] = before


@cache
def processor_has_bf16() -> bool:
    """Tells whether the processor has instructions for bf16; False where the system is silent."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = (line for line in lines if line.lower().startswith(("flags", "features")))
    return any(_BF16_FLAGS & set(line.partition(":")[2].split()) for line in flags)


PACKAGES = (
    "vae-lab",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "hydra-core",
    "tensorboard",
    "numpy",
)


@cache
def versions() -> dict[str, str]:
    """Returns the versions that numbers depend on, by package."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def git_commit() -> str | None:
    """Returns the commit of this package's checkout, `-dirty` behind it where files differ."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None if described.returncode == 0 else None


@cache
def machine() -> str:
    """Returns the processor's name and the system, as the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return (
        f"{names[0] if names else platform.processor() or platform.machine()}, {platform.system()}"
    )


def reset_peak_memory() -> bool:
    """Starts a new peak, so that a job is not told the peak of the one before it in its process.

    Returns whether the system can do that (Linux can).
    """
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_memory_mb() -> float | None:
    """Returns the process's peak resident memory in MB, None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    scale = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
