"""Ctrl-C and SIGTERM: the first ends the run in good order, the second ends the process at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

from vae_lab.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Handler:
    """Raises `Stopped` where the program is; remembers it, for an exception can get lost."""

    stopped: Stopped | None = None
    as_keyboard_interrupt = False
    held_in: CodeType | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.stopped is not None and self.held_in is None:
            os._exit(128 + number)
        self.stopped = self.stopped or Stopped(number)
        if not _is_inside(frame, self.held_in):
            raise KeyboardInterrupt if self.as_keyboard_interrupt else self.stopped


def _is_inside(frame: FrameType | None, code: CodeType | None) -> bool:
    """Returns whether a function is running: in this frame, or in one that called it."""
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


_handler = _Handler()


@contextmanager
def handle_signals(*, held_in: Callable[..., object] | None = None) -> Iterator[None]:
    """Listens to both signals, and leaves them as they were.

    `held_in`: a function that no signal interrupts: it puts back what a process has only one of. A
    signal that comes there is raised at the end; everywhere else a second one is raised as the
    first. None: a second signal ends the process at once.

    Python's own `KeyboardInterrupt` will not do: at the first one Lightning shuts its ears to
    every further Ctrl-C and ends the process with the code 1.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # Only the main thread may set handlers; a thread of a notebook has those of its own.
    in_main = threading.current_thread() is threading.main_thread()
    # Shells start what runs in the background with Ctrl-C ignored: so it stays.
    # None: whoever embeds Python has a handler that Python cannot set again.
    ours = [n for n in SIGNALS if in_main and before[n] not in (signal.SIG_IGN, _handler, None)]
    if ours:
        _handler.stopped = None
        _handler.held_in = held_in.__code__ if held_in is not None else None
    for number in ours:
        signal.signal(number, _handler)
    try:
        yield
    finally:
        held = _handler.stopped if ours and held_in is not None else None
        for number in ours:
            signal.signal(number, before[number])
        if ours:
            _handler.stopped, _handler.held_in = None, None
    if held is not None:  # and no error is on its way, or this line would not be reached
        raise held


@contextmanager
def signals_as_keyboard_interrupt() -> Iterator[None]:
    """Raises Python's own exception inside, and `Stopped` out of it.

    While engines work for this process: Ray hears nothing else.
    """
    _handler.as_keyboard_interrupt = True
    try:
        yield
    except KeyboardInterrupt:
        check_stopped()
        raise
    finally:
        _handler.as_keyboard_interrupt = False


def check_stopped() -> None:
    """Raises `Stopped` again if a signal came and its exception was lost on the way."""
    if _handler.stopped is not None:
        raise _handler.stopped
