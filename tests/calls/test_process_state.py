"""What a call leaves as it was, each part looked at before and after."""

import logging
import os
import random
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
import torch
from command import QUICK
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase
from omegaconf import OmegaConf
from stripes import write_conf

import vae_lab

STRIPES = ("--config-dir", "conf", *QUICK, "explorer=null")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_conf(tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LAB_DATA", str(tmp_path / "data"))


def state_of_process() -> dict[str, Any]:
    """Returns what a training changes, or could change, by name."""
    loggers = {
        name: (logger.level, logger.propagate, logger.disabled, [*logger.handlers])
        for name, logger in [("", logging.root), *logging.root.manager.loggerDict.items()]
        if isinstance(logger, logging.Logger)
    }
    store = ConfigStore.instance().repo["hydra"]
    return {
        "random": random.getstate(),
        "numpy": tuple(map(str, np.random.get_state())),
        "torch": torch.get_rng_state().tolist(),
        "threads of torch": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "benchmark": torch.backends.cudnn.benchmark,
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "warnings": [*warnings.filters],
        "showwarning": warnings.showwarning,
        "loggers": loggers,
        "raiseExceptions": logging.raiseExceptions,
        "handlers": [handler() for handler in logging._handlerList],  # type: ignore[attr-defined]  # private
        "environment": dict(os.environ),
        "directory": Path.cwd(),
        "streams": (sys.stdout, sys.stderr),
        "path": [*sys.path],
        "arguments": [*sys.argv],
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "hydra": GlobalHydra.instance().hydra,
        "hydra's configuration": HydraConfig.instance().cfg,
        "hydra's version": VersionBase.instance().getbase(),
        "hydra's store": {group: sorted(node) for group, node in store.items() if "." not in group},
        "resolvers": {name for name in ("now", "hydra", "mine") if OmegaConf.has_resolver(name)},
    }


@pytest.fixture
def caller(tmp_path: Path) -> Any:
    """A caller with a log of its own, a resolver, and settings that are not the usual ones."""
    handler = logging.FileHandler(tmp_path / "caller.log", mode="w")
    logging.root.addHandler(handler)
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("high")
    OmegaConf.register_new_resolver("mine", lambda: "mine", replace=True)
    yield handler
    logging.root.removeHandler(handler)
    handler.close()
    logging.root.setLevel(level)
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    OmegaConf.clear_resolver("mine")


def assert_the_same(before: dict[str, Any]) -> None:
    after = state_of_process()
    different = [name for name in before if before[name] != after[name] and name != "loggers"]
    assert not different, {name: (before[name], after[name]) for name in different}
    for name, values in before["loggers"].items():
        assert after["loggers"][name] == values, name


@pytest.mark.parametrize("ending", ["success", "refused", "failed", "sweep"])
def test_a_call_leaves_the_process_as_it_was(
    ending: str, caller: logging.FileHandler, tmp_path: Path
) -> None:
    # What is imported for the first time may bring loggers.
    vae_lab.train(*STRIPES, "callbacks=none", "logger=none", "run_name=first")
    before = state_of_process()
    if ending == "success":
        vae_lab.train(*STRIPES, "trainer.deterministic=true")
    elif ending == "refused":
        with pytest.raises(ValueError, match="unknown key no_such"):
            vae_lab.train(*STRIPES, "no_such=1")
    elif ending == "failed":
        with pytest.raises(RuntimeError, match="diverged"):
            vae_lab.train(*STRIPES, "optimizer.lr=1e30", "optimizer.schedule=constant")
    else:
        vae_lab.sweep(*STRIPES, "latent_dim=2,3", "callbacks=none", "hydra.job.chdir=true")
    assert_the_same(before)
    # The caller's log was not closed.
    logging.error("still here")
    assert "still here" in (tmp_path / "caller.log").read_text()


@pytest.mark.parametrize("step", ["logging.shutdown", "torch.set_num_threads", "random.setstate"])
def test_signals_do_not_interrupt_what_puts_the_process_back(
    step: str, caller: logging.FileHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = (*STRIPES, "callbacks=none", "logger=none")
    vae_lab.train(*lean, "run_name=first")
    before = state_of_process()
    module, name = step.split(".")
    work = getattr(sys.modules[module], name)
    came = 0

    def interrupted(*given: Any) -> None:
        nonlocal came
        # Threads are also set for the training.
        if name != "set_num_threads" or given == (before["threads of torch"],):
            for _ in range(2):
                came += 1
                signal.raise_signal(signal.SIGINT)
        work(*given)

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[module], name, interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"interrupted\."):
            vae_lab.train(*lean, "run_name=second")
    assert came >= 2
    assert_the_same(before)
    assert vae_lab.train(*lean, "run_name=third").result.status == "success"


def test_a_caller_who_uses_hydra_finds_his_own_afterwards() -> None:
    Path("own").mkdir()
    Path("own/config.yaml").write_text("a: 1\n")
    with hydra.initialize_config_dir(str(Path("own").absolute()), version_base="1.2"):
        before = state_of_process()
        vae_lab.train(*STRIPES, "callbacks=none", "logger=none")
        assert_the_same(before)
        config = hydra.compose("config", ["+b=2"], return_hydra_config=True)
        assert (config.a, config.b, config.hydra.job.name) == (1, 2, "app")


def test_a_call_from_within_a_hydra_program_works(tmp_path: Path) -> None:
    Path("own").mkdir()
    Path("own/config.yaml").write_text("latent_dim: 3\nhydra: {output_subdir: null}\n")
    found = []

    @hydra.main(config_path=str(tmp_path / "own"), config_name="config", version_base=None)
    def program(config: Any) -> None:
        before = HydraConfig.get().runtime.output_dir
        words = (f"latent_dim={config.latent_dim}", "callbacks=none", "logger=none")
        vae = vae_lab.train(*STRIPES, *words)
        assert HydraConfig.get().runtime.output_dir == before
        found.append(vae.latent_dim)

    arguments, sys.argv = sys.argv, ["program"]
    handlers, level = [*logging.root.handlers], logging.root.level
    try:
        program()
    finally:
        sys.argv = arguments
        for handler in {*logging.root.handlers} - {*handlers}:
            handler.close()
        logging.root.handlers, logging.root.level = handlers, level
    assert found == [3]
    (run,) = (tmp_path / "outputs/runs").iterdir()
    assert run.name.startswith("linear-z3")
