"""What a call leaves as it was: all that a process has only one of, and that a training changes.

A command line needs none of this: its process ends with it. In a notebook the next cell comes.
"""

import logging
import os
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from hydra import version
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.version import VersionBase
from omegaconf.basecontainer import BaseContainer

from vae_lab.errors import UserError

_busy = threading.Lock()


class Restoring(ExitStack):
    """A stack whose end has a name: signals are held while it puts back what was there."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool | None:
        return super().__exit__(kind, error, traceback)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Refuses a second training in this process: the two would share generators and threads."""
    if not _busy.acquire(blocking=False):
        raise UserError(
            "this process is training already: wait for its end, or let vae_lab.sweep(..., "
            '"hydra/launcher=joblib") train several models side by side.'
        )
    try:
        yield
    finally:
        _busy.release()


@contextmanager
def hydra_kept() -> Iterator[None]:
    """Gives Hydra state of its own inside; a caller who uses Hydra too finds his own afterwards."""
    Plugins.instance()  # what plugins register when they are found belongs to the caller too
    before, resolvers = Singleton._instances, BaseContainer._resolvers
    # What is found once for a process stays; what belongs to one configuration is new.
    begun = (GlobalHydra, HydraConfig, JobRuntime, VersionBase)
    kept: dict[type, Any] = {kind: it for kind, it in before.items() if kind not in begun}
    kept[ConfigStore] = deepcopy(ConfigStore.instance())  # from which files are taken out
    Singleton._instances, BaseContainer._resolvers = kept, dict(resolvers)
    version.setbase("1.3")
    try:
        yield
    finally:
        Singleton._instances, BaseContainer._resolvers = before, resolvers


@contextmanager
def process_kept() -> Iterator[None]:
    """Puts back variables, the working directory, streams, and generators of Python and numpy."""
    variables, directory = dict(os.environ), Path.cwd()
    streams = sys.stdout, sys.stderr
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)
        os.chdir(directory)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        sys.stdout, sys.stderr = streams


@contextmanager
def workers_ended() -> Iterator[None]:
    """Ends joblib's processes before and afterwards.

    They wait to be used again, with the variables of the sweep that they were started for.
    """
    _end_workers()
    try:
        yield
    finally:
        _end_workers()


def _end_workers() -> None:
    loky = sys.modules.get("joblib.externals.loky.reusable_executor")
    if (executor := getattr(loky, "_executor", None)) is not None:
        executor.shutdown(wait=True)


@contextmanager
def logging_kept() -> Iterator[None]:
    """Puts back handlers and levels; leaves those of the caller open, which Hydra would close."""
    others = [
        it for it in logging.root.manager.loggerDict.values() if isinstance(it, logging.Logger)
    ]
    before = [
        (it, it.level, it.propagate, it.disabled, [*it.handlers], [*it.filters])
        for it in (logging.root, *others)
    ]
    handlers, names = logging._handlerList, logging._handlers  # type: ignore[attr-defined]
    logging._handlerList = []  # type: ignore[attr-defined]
    logging._handlers = weakref.WeakValueDictionary()  # type: ignore[attr-defined]
    # As in a process in which nothing was imported before Hydra: their lines go into run.log.
    for name in ("pytorch_lightning", "lightning_fabric"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    try:
        yield
    finally:
        logging.shutdown(logging._handlerList)  # type: ignore[attr-defined]  # closes those of the training
        logging._handlerList, logging._handlers = handlers, names  # type: ignore[attr-defined]
        for logger, level, propagate, disabled, handlers_of, filters in before:
            logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled
            logger.handlers, logger.filters = handlers_of, filters


@contextmanager
def torch_kept() -> Iterator[None]:
    """Trains as in a new process, and puts back torch's generators and settings."""
    import torch

    state, threads = torch.get_rng_state(), torch.get_num_threads()
    on_gpus = torch.cuda.get_rng_state_all() if _uses_gpus() else None
    usual: dict[Callable[[Any], object], tuple[Any, Any]] = {
        torch.set_default_dtype: (torch.get_default_dtype(), torch.float32),
        torch.set_default_device: (torch.get_default_device(), torch.device("cpu")),
        torch.set_grad_enabled: (torch.is_grad_enabled(), True),
        torch.set_float32_matmul_precision: (torch.get_float32_matmul_precision(), "highest"),
        torch.set_deterministic_debug_mode: (torch.get_deterministic_debug_mode(), 0),
    }
    benchmark = torch.backends.cudnn.benchmark
    for change, (earlier, value) in usual.items():
        if earlier != value:
            change(value)
    try:
        with torch.inference_mode(mode=False):
            yield
    finally:
        for change, (earlier, value) in usual.items():
            if change is not torch.set_default_device or earlier != value:
                change(earlier)
        torch.backends.cudnn.benchmark = benchmark
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        if on_gpus is not None:
            torch.cuda.set_rng_state_all(on_gpus)
        elif _uses_gpus():
            torch.cuda.manual_seed_all(torch.initial_seed())  # as if it began only now


def _uses_gpus() -> bool:
    import torch

    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
