"""The work of something that torch computes: floating-point operations, and bytes at least moved.

Operations are those of matrix products and convolutions, a multiplication and an addition counted
as two (torch's FlopCounterMode). Bytes are an estimate: every operator that torch runs, forwards,
backwards and in Adam, reads each tensor that it is given once and writes each result once, as if
nothing stayed in a cache between two operators and nothing was read twice. So weights, activations,
their gradients and the optimiser's state all count; views and uninitialised memory do not. What an
operator writes in place is read and written; one that picks rows of a table reads these rows.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

# They read as much of their table as they return.
PICKING = ("aten::index", "aten::index_select", "aten::gather")


class Work(NamedTuple):
    """Floating-point operations, and bytes read and written."""

    flop: float
    bytes: float

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.flop / self.bytes if self.bytes else 0.0

    def least_seconds(self, peak: float, copying: float) -> float:
        """Returns the seconds at the roof, from those of an operation and of a byte."""
        return max(self.flop * peak, self.bytes * copying)


class ByteCounter(TorchDispatchMode):
    """Adds up the bytes that operators read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        results = func(*args, **kwargs)
        name = func._schema.name
        if not (func.is_view or name.startswith("aten::empty")):
            reads = results if name in PICKING else (args, kwargs)
            self.bytes += sum(map(held, _tensors(reads)))
            self.bytes += sum(map(held, _written(func, args, kwargs, results)))
        return results


def held(tensor: Tensor) -> int:
    """Returns the bytes of a tensor; one that repeats a small memory (expand) has only those."""
    return min(tensor.numel() * tensor.itemsize, tensor.untyped_storage().nbytes())


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _written(func: Any, args: tuple[Any, ...], kwargs: Any, results: Any) -> Iterator[Tensor]:
    """Yields the results that are new, and the arguments that are written in place."""
    returned = func._schema.returns
    several = results if isinstance(results, tuple | list) and len(returned) > 1 else [results]
    for result, declared in zip(several, returned, strict=False):
        if declared.alias_info is None:
            yield from _tensors(result)
    for place, declared in enumerate(func._schema.arguments):
        if declared.alias_info is not None and declared.alias_info.is_write:
            yield from _tensors(args[place] if place < len(args) else kwargs.get(declared.name))


def of(call: Callable[[], object]) -> Work:
    """Returns the work of one call."""
    flop, moved = FlopCounterMode(display=False), ByteCounter()
    with flop, moved:
        call()
    return Work(flop.get_total_flops(), moved.bytes)


def of_a_step(timed: Callable[[int], float]) -> Work:
    """Returns the work of one step, of a training of so many: its start is not counted."""
    one, three = of(lambda: timed(1)), of(lambda: timed(3))
    return Work((three.flop - one.flop) / 2, (three.bytes - one.bytes) / 2)
