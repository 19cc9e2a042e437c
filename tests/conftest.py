"""What every test shares: real MNIST where it is, and caches in temporary folders."""

import hashlib
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chromium import browser, find_chromium
from command import Command, Done
from fault_counts import COUNTS
from real_sweep import train_sweep
from shared_folders import shared_folder
from stripes import write_conf

from vae_lab.cli.main import main

# MD5 of the four files that MNIST was published as: (gzipped, unzipped).
MNIST_MD5 = {
    "train-images-idx3-ubyte": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "6bbc9ace898e44ae57da46a324031adb",
    ),
    "train-labels-idx1-ubyte": (
        "d53e105ee54ea40749a09fcbcd1e9432",
        "a25bea736e30d166cdddb491f175f624",
    ),
    "t10k-images-idx3-ubyte": (
        "9fb629c4189551a2d022fa330f9573f3",
        "2646ac647ad5339dbf082846283269ea",
    ),
    "t10k-labels-idx1-ubyte": (
        "ec29112dd5afa0611ce80d1b7f02629c",
        "27ae3e4e09519cfbb04c329615203637",
    ),
}

# Each names a folder that some library would otherwise make in the home or the working folder.
CACHES = (
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "HYPOTHESIS_STORAGE_DIRECTORY",
    "MPLCONFIGDIR",
    "TMPDIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TORCH_HOME",
    "TRITON_HOME",
)

# The temporary folder of the machine, for parallel workers.
TEMPORARY = "VAE_LAB_TEST_TEMPORARY"

# The files that take longest, most of them because they start processes.
LONG = (
    *("test_rules", "test_main", "test_resume", "test_check"),
    *("test_launchers", "test_run", "test_traps", "test_tensorboard", "test_evaluation"),
    *("test_learned_priors", "test_options_of_callbacks", "test_terminal"),
    *("test_in_a_kernel", "test_process_state", "test_train"),
)

_scratch = pytest.StashKey[Path]()


def _take_one_core(worker: str) -> None:
    """Keeps a parallel worker and all that it starts to one core: torch's threads must not meet."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts the tests in the background has Ctrl-C ignored, and so would every process
    # that a test starts and stops with it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") and hasattr(os, "sched_setaffinity"):
        _take_one_core(config.workerinput["workerid"])
    # Not in a fixture: some libraries read these when they are imported, during collection.
    # The first call fixes this process's own choice, so that pytest keeps failed tests' folders
    # where it always does; TMPDIR then reaches the processes that tests start. A parallel worker is
    # one of them, and takes the first choice: Chromium takes no path of more than 107 letters.
    temporary = os.environ.setdefault(TEMPORARY, tempfile.gettempdir())
    scratch = config.stash[_scratch] = Path(
        tempfile.mkdtemp(prefix="vae-lab-tests-", dir=temporary)
    )
    for name in CACHES:
        folder = scratch / name.lower()
        folder.mkdir()
        os.environ[name] = str(folder)
    os.environ["MPLBACKEND"] = "agg"  # no test opens a window


def pytest_unconfigure(config: pytest.Config) -> None:
    if (scratch := config.stash.get(_scratch, None)) is not None:
        shutil.rmtree(scratch, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # A file is one worker's: with a long one begun last, all others would wait for it.
    items.sort(key=lambda item: item.path.stem not in LONG)
    if os.environ.get("VAE_LAB_DATA"):
        return
    reason = "needs real MNIST: set VAE_LAB_DATA to the folder that holds MNIST/raw/"
    for item in items:
        if item.get_closest_marker("real_mnist"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> None:
    if COUNTS:
        terminalreporter.section("faults: tried, lost")
        for fault, tried, lost in COUNTS:
            terminalreporter.line(f"{fault}: {tried} tried, {lost} lost")
    passed = terminalreporter.stats.get("passed", [])
    if any("browser" in report.keywords for report in passed):
        terminalreporter.line(f"Look at the screenshots: {_screenshots()}")
    # A file that is skipped as a whole has a report without keywords.
    skips = terminalreporter.stats.get("skipped", [])
    reports = [report for report in skips if isinstance(report, pytest.TestReport)]
    if skipped := [report.nodeid for report in reports if "real_mnist" in report.keywords]:
        terminalreporter.section(f"tests on real MNIST that did not run: {len(skipped)}")
        if not os.environ.get("VAE_LAB_DATA"):
            terminalreporter.line("Set VAE_LAB_DATA to the folder that holds MNIST/raw/ to run:")
        for name in skipped:
            terminalreporter.line(f"  {name}")


@cache
def _why_mnist_is_unusable(root: str) -> str | None:
    raw = Path(root) / "MNIST" / "raw"
    for name, digests in MNIST_MD5.items():
        found = [path for path in (raw / f"{name}.gz", raw / name) if path.is_file()]
        if not found:
            return f"VAE_LAB_DATA={root}, but {raw / name} is missing, and so is its .gz."
        for path in found:
            if hashlib.md5(path.read_bytes()).hexdigest() not in digests:
                return f"VAE_LAB_DATA={root}, but {path} is not MNIST's file: its MD5 differs."
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    root = os.environ.get("VAE_LAB_DATA")
    if root and item.get_closest_marker("real_mnist") and (why := _why_mnist_is_unusable(root)):
        pytest.fail(why, pytrace=False)


@pytest.fixture
def mnist_root(request: pytest.FixtureRequest) -> Path:
    """The folder that holds `MNIST/raw/`, its files verified. For tests marked `real_mnist`."""
    assert request.node.get_closest_marker("real_mnist"), "mark this test with real_mnist"
    return Path(os.environ["VAE_LAB_DATA"]).resolve()


# For the tests that look at real pages, made once for all of them.


@pytest.fixture(scope="session")
def four_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep of four jobs, trained by the command line."""
    return shared_folder(tmp_path_factory, "sweep", train_sweep) / "outputs" / "sweeps" / "four"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, of the system."""
    pytest.importorskip("playwright.sync_api", reason="needs Playwright: make test-browser")
    if find_chromium() is None:
        pytest.skip("needs Chromium, and there is none: install the system's package chromium")
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where the pictures of the pages stay."""
    folder = _screenshots()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _screenshots() -> Path:
    """Returns the folder VAE_LAB_SCREENSHOTS, or a temporary one."""
    # Not one of pytest's: it deletes those of tests that pass.
    default = Path(os.environ[TEMPORARY]) / "vae-lab-screenshots"
    return Path(os.environ.get("VAE_LAB_SCREENSHOTS", default)).absolute()


# The command line in this process, for tests that need no process of its own.


@pytest.fixture
def vae_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs a command line in a folder of its own, with data=stripes at hand, in this process.

    A process of its own would spend five seconds on its imports, each time.
    """
    write_conf(tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    level = root.level

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["vae-lab", "--config-dir", "conf", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert isinstance(stop.value.code, int)
        return Done(stop.value.code, *capsys.readouterr())

    yield run
    root.level = level


@pytest.fixture(autouse=True)
def no_handlers_left() -> Iterator[None]:
    """Removes the handlers that Hydra gave a job: their files and streams go with the test."""
    yield
    root = logging.getLogger()
    for handler in [it for it in root.handlers if type(it).__module__ == "logging"]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
