"""Where and with what a run was made: versions, git commit, machine, memory. No torch."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
