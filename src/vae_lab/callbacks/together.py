"""Several callbacks as one, where none of them has anything to do with single batches.

Lightning asks every callback about every batch six times, whether it answers or not: a dozen of
pictures that are drawn once in five epochs cost a sixth of a small model's training step.
"""

from collections.abc import Callable, Iterable
from typing import Any

from pytorch_lightning import Callback

# What comes at most once an epoch. A callback with any other hook stays on its own.
_RARE = (
    *("setup", "teardown", "on_fit_start", "on_fit_end", "on_exception"),
    *("on_train_start", "on_train_end", "on_train_epoch_start", "on_train_epoch_end"),
    *("on_validation_start", "on_validation_end"),
    *("on_validation_epoch_start", "on_validation_epoch_end"),
)
_OTHER = tuple(
    name
    for name in vars(Callback)
    if name not in _RARE and (name.startswith("on_") or name.endswith("state_dict"))
)


class Together(Callback):
    """Hands each hook on to its members, in their order."""

    def __init__(self, members: Iterable[Callback]) -> None:
        self.members = list(members)


def grouped(callbacks: Iterable[Callback]) -> list[Callback]:
    """Returns the callbacks, those that are called rarely put together at the first one's place."""
    found: list[Callback] = []
    group: Together | None = None
    for callback in callbacks:
        if any(_overrides(callback, name) for name in _OTHER):
            found.append(callback)
        elif group is None:
            found.append(group := Together([callback]))
        else:
            group.members.append(callback)
    return found


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(type(callback), name) is not getattr(Callback, name)


def _handing_on(name: str) -> Callable[..., None]:
    def hook(self: Together, *arguments: Any, **named: Any) -> None:
        for member in self.members:
            getattr(member, name)(*arguments, **named)

    return hook


for _name in _RARE:
    setattr(Together, _name, _handing_on(_name))
