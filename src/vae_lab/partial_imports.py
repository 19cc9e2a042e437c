"""Large modules of which a command needs a few names: the rest is executed when somebody asks.

Lightning imports torchmetrics for two classes, torch's compiler and its counter of operations for
one each, and every optimizer of torch asks the compiler for two functions. Together they would be
more than half of a command's imports, with scipy, torchvision, matplotlib, sympy and triton.
"""

import functools
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from threading import RLock
from types import FunctionType, ModuleType
from typing import Any


class PartialModule:
    """A module that has a few of its names, and is executed once somebody asks for another one."""

    def __init__(self, module: ModuleType, usual: Loader) -> None:
        self.module, self._usual = module, usual
        # Names of classes that Lightning binds when it is imported, and may never use.
        self.classes: Sequence[str] = ()
        self._lock, self._began, self.is_whole = RLock(), False, False

    def attribute(self, name: str) -> Any:
        """Returns what the whole module calls `name`. Raises AttributeError if there is nothing."""
        if name in self.classes and _FINDER.is_open and not self._began:
            return _StandIn(name, (), {"partial": self})
        with self._lock:
            # Every import asks for a path, which only packages have, from the start. And while all
            # is being executed, its own statements ask for names that come later.
            if name == "__path__" or (self._began and not self.is_whole):
                raise AttributeError(f"module {self.module.__name__} has no attribute {name!r}")
            self.execute()
        return getattr(self.module, name)

    def execute(self) -> None:
        """Executes all of the module, once."""
        with self._lock:
            if self._began:
                return
            self._began = True
            try:
                self._usual.exec_module(self.module)
            finally:
                self.is_whole = True
                vars(self.module).pop("__getattr__", None)


class _StandIn(type):
    """The class of classes that stand for one of a partial module, which they execute when used."""

    partial: PartialModule

    def _real(cls) -> Any:
        cls.partial.execute()
        return getattr(cls.partial.module, cls.__name__)

    def __call__(cls, *args: Any, **named: Any) -> Any:
        return cls._real()(*args, **named)

    def __instancecheck__(cls, value: object) -> bool:
        # Before all is executed there can be no objects of the class.
        return cls.partial.is_whole and isinstance(value, cls._real())


def _metrics(partial: PartialModule) -> dict[str, Any]:
    names = vars(partial.module)
    # Before the two classes: the module that they need reads these.
    names["_logger"] = logging.getLogger("torchmetrics")
    names["__version__"] = import_module("torchmetrics.__about__").__version__
    import_module("torchmetrics.utilities")
    return {
        "Metric": import_module("torchmetrics.metric").Metric,
        "MetricCollection": import_module("torchmetrics.collections").MetricCollection,
    }


def _metric_plots(partial: PartialModule) -> dict[str, Any]:
    def plot(*args: Any, **named: Any) -> Any:
        return partial.attribute("plot_single_or_multi_val")(*args, **named)

    # Two types for annotations: those that it has without matplotlib.
    types = {"_AX_TYPE": object, "_PLOT_OUT_TYPE": tuple[object, object]}
    return types | {"plot_single_or_multi_val": plot}


def _compiler(partial: PartialModule) -> dict[str, Any]:
    def disable(function: Any = None, *args: Any, **named: Any) -> Any:
        if not isinstance(function, FunctionType):
            return partial.attribute("disable")(function, *args, **named)
        compiler_off: Callable[..., Any] | None = None

        @functools.wraps(function)
        def call(*given: Any, **options: Any) -> Any:
            nonlocal compiler_off
            if compiler_off is None and partial.is_whole:
                compiler_off = partial.module.disable(function, *args, **named)
            return (compiler_off or function)(*given, **options)

        return call

    partial.classes = ("OptimizedModule",)
    # Without the compiler nothing is being compiled: no place to stop it at.
    return {"disable": disable, "graph_break": lambda *_, **__: None}


def _flop_counter(partial: PartialModule) -> dict[str, Any]:
    partial.classes = ("FlopCounterMode",)
    return {}


# What is there of each module at first.
_PARTS: dict[str, Callable[[PartialModule], dict[str, Any]]] = {
    "torchmetrics": _metrics,
    "torchmetrics.utilities.plot": _metric_plots,
    "torch._dynamo": _compiler,
    "torch.utils.flop_counter": _flop_counter,
}

# Its modules need that it was executed before them; those of torchmetrics do not.
_WHOLE_FIRST = "torch._dynamo"


class _Finder(MetaPathFinder):
    """Finds modules as usual, and has those of `_PARTS` imported in part while it is open."""

    def __init__(self) -> None:
        self.is_open = False
        self.found: dict[str, PartialModule] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.startswith(_WHOLE_FIRST + ".") and _WHOLE_FIRST in self.found:
            self.found[_WHOLE_FIRST].execute()
        if not self.is_open or fullname not in _PARTS:
            return None
        self.is_open = False
        try:
            spec = find_spec(fullname)
        finally:
            self.is_open = True
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(Loader):
    """Imports a part of a module; all of it in a version that is made in another way."""

    def __init__(self, usual: Loader, finder: _Finder) -> None:
        self._usual, self._finder = usual, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        names, name = vars(module), module.__name__
        names["__spec__"].loader = names["__loader__"] = self._usual
        partial = PartialModule(module, self._usual)
        names["__getattr__"] = partial.attribute
        try:
            names |= _PARTS[name](partial)
        except Exception:
            partial.execute()
        else:
            self._finder.found[name] = partial


_FINDER = _Finder()


@contextmanager
def partial_imports() -> Iterator[None]:
    """Imports a part of what `_PARTS` names, if it is not imported yet."""
    if _FINDER.is_open:
        yield
        return
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.is_open = True
    try:
        yield
    finally:
        _FINDER.is_open = False
