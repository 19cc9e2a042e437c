"""Where and with what a run is made: processor, memory, versions, git commit. No torch."""

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def available_cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# What Linux calls the instructions that multiply bf16 matrices: x86, then ARM.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
# With these values of ONEDNN_MAX_CPU_ISA, torch's library of products uses none of them (x86).
_ISA_WITHOUT_BF16 = frozenset(
    "sse41 avx avx2 avx2_vnni avx2_vnni_2 avx512_core avx512_core_vnni".split()
)


@contextmanager
def environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, and sets them back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def gpus_hidden(config: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Hides GPUs from a run on the processor.

    Adam asks in every step whether there is one, and if there is none torch looks for the driver
    on the disk each time: as long as half a step of the linear model.
    """
    on_cpu = config["trainer"].get("accelerator") == "cpu"
    return environment_variables({"CUDA_VISIBLE_DEVICES": ""} if on_cpu else {})


# Where Linux shows the driver of a GPU: NVIDIA's, a Jetson's, that of Windows in WSL, AMD's.
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/nvgpu", "/dev/nvhost-gpu", "/dev/dxg", "/dev/kfd")


def lacks_accelerator(name: str) -> bool:
    """Tells whether this machine surely lacks an accelerator of Lightning's name."""
    system = platform.system()
    if name in ("auto", "cpu"):
        return False
    if system == "Darwin":
        return name == "cuda"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    no_driver = system == "Linux" and not any(Path(path).exists() for path in _GPU_DRIVERS)
    return name == "mps" or hidden or no_driver or versions()["torch"].endswith("+cpu")


def _processor_facts(name: str) -> list[str]:
    """Returns what Linux tells of each core under a name such as `flags`; elsewhere nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    facts = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in facts if key.strip().lower() == name]


@cache
def processor_flags() -> frozenset[str]:
    """Returns Linux's names of the processor's instruction sets; elsewhere nothing."""
    lines = [*_processor_facts("flags"), *_processor_facts("features")]
    return frozenset(flag for line in lines for flag in line.split())


def processor_has_bf16() -> bool:
    """Tells whether torch finds instructions for bf16 here; False if the system is silent."""
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    return bool(_BF16_FLAGS & processor_flags()) and allowed.lower() not in _ISA_WITHOUT_BF16


PACKAGES = "vae-lab torch torchvision pytorch-lightning hydra-core tensorboard numpy".split()


@cache
def versions() -> dict[str, str]:
    """Returns the versions that numbers depend on, by package."""
    versions_by_package = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions_by_package[package] = version(package)
        except PackageNotFoundError:
            versions_by_package[package] = "not installed"
    return versions_by_package


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
    names = [*_processor_facts("model name"), platform.processor(), platform.machine()]
    return f"{next(filter(None, names), '')}, {platform.system()}"


def memory_bytes() -> int:
    """Returns the machine's memory in bytes; 16 GB if the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 16 << 30


def reset_peak_memory() -> bool:
    """Starts a new peak for the next job of a process; returns whether the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_memory_mb() -> float | None:
    """Returns the process's peak resident memory in MB, None if the system does not tell."""
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
