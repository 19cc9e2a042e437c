"""Command lines in processes that can be killed, and everything that a finished run left behind.

A server imports the heavy libraries once; each victim is a fork of it and starts at once.
"""

import contextlib
import gc
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Torch starts no thread before a fork computes: forking is safe.
PRELOADED = [
    *("vae_lab.cli.main", "vae_lab.training.run", "vae_lab.loggers.tensorboard"),
    *("vae_lab.callbacks.latent_map", "vae_lab.callbacks.evolution", "vae_lab.callbacks.samples"),
    *("killable", "stripes", "sklearn.neighbors", "hydra._internal.hydra", "pytest"),
]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)
_printed: dict[int, Connection] = {}

# What differs between two runs of the same configuration.
PASSING = (
    "started",
    "ended",
    "seconds",
    "peak_memory_mb",
    "resumed_after",
    "command",
    "name",
    "git_commit",
)


def start(folder: Path, *arguments: str, largest_file: int | None = None) -> ForkServerProcess:
    """Starts `python -m vae_lab` with these arguments in a folder.

    No file may grow beyond `largest_file` bytes, if that is given.
    """
    # A pipe holds what a short run prints, and no limit on files stops it.
    reader, writer = _context.Pipe(duplex=False)
    process = _context.Process(target=_victim, args=(str(folder), arguments, largest_file, writer))
    process.start()
    writer.close()
    assert process.pid is not None
    _printed[process.pid] = reader
    return process


def start_run(config: dict[str, Any], choices: dict[str, str], folder: Path) -> ForkServerProcess:
    """Starts one run without a command line, which would take most of a short run's time."""
    process = _context.Process(target=_run, args=(config, choices, str(folder)))
    process.start()
    return process


def _run(config: dict[str, Any], choices: dict[str, str], folder: str) -> None:
    from runs import run_job

    from vae_lab.errors import JobFailed
    from vae_lab.files import locked

    # Left open on purpose, to the end of the process; so below.
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    try:
        with locked(Path(folder)):
            run_job(config, choices, Path(folder))
    except JobFailed:
        os._exit(1)
    os._exit(0)


def finish(
    folder: Path, *arguments: str, timeout: float = 300, largest_file: int | None = None
) -> tuple[int, str]:
    """Runs a command line to its end; returns its exit code and what it printed."""
    process = start(folder, *arguments, largest_file=largest_file)
    process.join(timeout)
    assert process.exitcode is not None, f"{arguments} hang"
    # Workers that a launcher keeps: the end of a program ends them, that of a fork does not.
    kill_tree(process)
    text = output(process)
    process.close()
    return process_code(text), text


def output(process: ForkServerProcess) -> str:
    """Returns what a victim that has ended printed, on both streams."""
    assert process.pid is not None
    reader, content = _printed.pop(process.pid), b""
    os.set_blocking(reader.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        while part := os.read(reader.fileno(), 65536):
            content += part
    reader.close()
    return content.decode("utf-8", errors="replace")


def process_code(text: str) -> int:
    """Returns the exit code that ends a victim's output; -9 where it was killed.

    What a helper process of joblib warns of can come after it.
    """
    _, found, rest = text.rpartition("exit code ")
    return int(rest.split(maxsplit=1)[0]) if found else -9


def kill_tree(process: ForkServerProcess) -> None:
    """Kills a victim and the workers that it started."""
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()


def soak(config: dict[str, Any], choices: dict[str, str], folder: Path, runs: int) -> None:
    """Does many runs in one process; `soak.json` holds memory (kB) and open files after each."""
    process = _context.Process(target=_soak, args=(config, choices, str(folder), runs))
    process.start()
    process.join()
    assert process.exitcode == 0


def _soak(config: dict[str, Any], choices: dict[str, str], folder: str, runs: int) -> None:
    from runs import run_job

    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    seen = []
    for number in range(runs):
        place = Path(folder) / f"soak{number}"
        place.mkdir()
        run_job(config, choices, place)
        shutil.rmtree(place)
        # Lightning's objects form circles, which Python clears when it likes.
        gc.collect()
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        (resident,) = (line.split()[1] for line in status.splitlines() if "VmRSS" in line)
        seen.append((int(resident), len(list(Path("/proc/self/fd").iterdir()))))
    (Path(folder) / "soak.json").write_text(json.dumps(seen))
    os._exit(0)


def _victim(
    folder: str, arguments: tuple[str, ...], largest_file: int | None, printed: Connection
) -> None:
    # A group of its own, so that its workers can be killed with it.
    os.setsid()
    os.chdir(folder)
    for stream in (1, 2):
        os.dup2(printed.fileno(), stream)
    # Left open on purpose, to the end of the process.
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["vae-lab", *arguments]
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    from vae_lab.cli.main import main

    code: Any = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    finally:
        print(f"exit code {code}", flush=True)
    os._exit(code)


def fingerprint(folder: Path) -> dict[str, Any]:
    """Returns all that must be the same, to the last bit, however often a run was interrupted."""
    found: dict[str, Any] = {}
    for name in ("best", "last"):
        path = folder / "checkpoints" / f"{name}.ckpt"
        if path.exists():
            checkpoint = torch.load(path, weights_only=True)
            found[path.name] = {
                **tensors(checkpoint["state_dict"], "weights"),
                **tensors(checkpoint.get("optimizer_states", []), "optimiser"),
                "epoch": checkpoint["epoch"],
                "step": checkpoint["global_step"],
            }
    for path in sorted([*folder.glob("figures/*"), *folder.glob("metrics.csv")]):
        found[path.name] = _digest(path.read_bytes())
    with np.load(folder / "per_image.npz", allow_pickle=False) as scores:
        found["per_image"] = {name: _digest(scores[name].tobytes()) for name in scores.files}
    result = json.loads((folder / "result.json").read_text())
    found["result"] = {key: value for key, value in result.items() if key not in PASSING}
    found["events"] = curves(folder)
    return found


def curves(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Returns what TensorBoard reads: of each tag every step, and its value or a digest of it."""
    everything = dict.fromkeys(("scalars", "images", "histograms", "tensors"), 0)
    events = EventAccumulator(str(folder), size_guidance=everything)
    events.Reload()
    tags = events.Tags()
    found: dict[str, list[tuple[Any, ...]]] = {}
    for tag in tags["scalars"]:
        found[tag] = [(event.step, event.value) for event in events.Scalars(tag)]
    for tag in tags["images"]:
        found[tag] = [
            (event.step, _digest(event.encoded_image_string)) for event in events.Images(tag)
        ]
    for tag in tags["histograms"]:
        found[tag] = [(event.step, str(event.histogram_value)) for event in events.Histograms(tag)]
    for tag in tags["tensors"]:
        # Texts name the command and its folder: their number counts.
        found[tag] = [(event.step,) for event in events.Tensors(tag)]
    return found


def tensors(value: Any, name: str) -> dict[str, str]:
    """Returns a digest of every tensor in nested lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return {name: _digest(value.contiguous().numpy().tobytes())}
    items: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    return {k: v for key, part in items for k, v in tensors(part, f"{name}.{key}").items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
