"""The large imports of a command, without what takes their time and is not needed.

While modules are imported, Python looks again and again through all that is there for objects that
nobody uses, and finds next to none: a fifth of the time to the first training step. Another fifth
are the metrics of torchmetrics, with scipy and torchvision: Lightning needs two of its classes.
"""

import atexit
import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Process:
    # Whether it does a command of ours and nothing else. In a notebook there are other objects.
    is_ours = False


def begin_command() -> None:
    """Says that this process does a command of ours, and ends with it."""
    _Process.is_ours = True


@contextmanager
def large_imports(module: str) -> Iterator[None]:
    """Imports `module`, or what brings it, in the process of a command, which keeps all there is.

    In other processes, and if the module is imported already, it does nothing.
    """
    if not _Process.is_ours or module in sys.modules:
        yield
        return
    gc.disable()
    sys.meta_path.insert(0, finder := _MetricsLater())
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
        keep_all()
        gc.enable()


def keep_all() -> None:
    """Takes all there is out of the search for garbage, until the process ends."""
    gc.freeze()
    atexit.register(_end)


def _end() -> None:
    # What came later is finished as usual, while all modules are there.
    gc.collect()
    # Libraries of C++ report what is never finished as a leak. Python looks through everything once
    # more when it ends, and need not do so twice.
    gc.unfreeze()
    gc.disable()


class _MetricsLater(MetaPathFinder):
    """Finds torchmetrics as usual, once, and has it imported by `_Later`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torchmetrics":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)
        return spec


class _Later(Loader):
    """Imports what Lightning needs of torchmetrics; the rest when somebody asks for it."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        names = vars(module)
        names["__spec__"].loader = names["__loader__"] = self._usual

        def rest(name: str) -> Any:
            del names["__getattr__"]
            self._usual.exec_module(module)
            return getattr(module, name)

        names |= {"__getattr__": rest, "_logger": logging.getLogger("torchmetrics")}
        try:
            names["__version__"] = import_module("torchmetrics.__about__").__version__
            # Before the next two: they need it, and it needs them.
            import_module("torchmetrics.utilities")
            names["Metric"] = import_module("torchmetrics.metric").Metric
            names["MetricCollection"] = import_module("torchmetrics.collections").MetricCollection
        except Exception:  # in a version that is made in another way
            names.pop("__getattr__", None)
            self._usual.exec_module(module)
