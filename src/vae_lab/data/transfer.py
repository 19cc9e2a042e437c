"""One file on its way from one mirror, watched from outside so that no silence lasts for ever."""

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests
    from rich.progress import Progress

# Bytes per second below which a transfer counts as waiting. MNIST's 11 MB would take 20 minutes.
SLOWEST = 10_000

# Seconds between two checks of a transfer.
_CHECK_INTERVAL = 0.05


class MirrorFailed(Exception):
    """Why a mirror is given up, and the seconds that were spent waiting for it."""

    def __init__(self, reason: str, waited: float) -> None:
        super().__init__(reason)
        self.waited = waited


class Transfer:
    """One file on its way from one address, in a thread of its own.

    Time-outs of the network library apply to each wait for a byte and not at all to looking up a
    name, so another thread watches, and abandons what takes too long. pooch treats this object as
    its progress bar: it sets `total` and calls `update`, `reset` and `close`.
    """

    def __init__(self, address: str, md5: str, target: Path) -> None:
        self.address, self.md5, self.target = address, md5, target
        self.total = self.received = 0  # bytes
        self.error: Exception | None = None
        self.abandoned = False
        self.over = threading.Event()

    def wait(self, patience: float, bars: "Progress") -> None:
        """Returns when the file is complete; gives up after `patience` seconds without data."""
        # Imported here and not in the thread: the time it takes is not the mirror's.
        import pooch
        import requests.exceptions  # noqa: F401

        pooch.get_logger().setLevel("WARNING")
        # Whoever watches decides: this longer limit only ends an abandoned thread.
        threading.Thread(target=self._run, args=(2 * patience,), daemon=True).start()
        bar = bars.add_task(self.target.name, total=None)
        waited, received_before, checked_at = 0.0, 0, time.monotonic()
        try:
            while not self.over.wait(_CHECK_INTERVAL):
                received, now = self.received, time.monotonic()
                # Data sets the clock back, never below zero: speed of the past excuses no silence.
                credit = (received - received_before) / SLOWEST
                waited = max(0.0, waited + (now - checked_at) - credit)
                received_before, checked_at = received, now
                bars.update(bar, completed=received, total=self.total or None)
                if waited > patience:
                    self.abandoned = True
                    sent = f"sent only {received} bytes" if received else "did not answer"
                    raise MirrorFailed(f"{sent} in {patience:.3g} s", waited)
        finally:
            bars.remove_task(bar)
        if self.error is not None:
            raise MirrorFailed(_reason(self.error), waited) from self.error

    def _run(self, timeout: float) -> None:
        import pooch

        # pooch leaves the connections of its failures open; requests shows each to this hook.
        answers: list[requests.Response] = []
        hooks = {"response": lambda answer, **_: answers.append(answer)}
        try:
            pooch.retrieve(
                self.address,
                known_hash=f"md5:{self.md5}",
                fname=self.target.name,
                path=self.target.parent,
                downloader=pooch.HTTPDownloader(
                    self, chunk_size=8192, timeout=timeout, hooks=hooks
                ),
            )
        except Exception as error:  # raised again, in its own words, by the thread that waits
            self.error = error
        finally:
            for answer in answers:
                answer.close()
            self.over.set()

    def update(self, size: int) -> None:
        if self.abandoned:
            raise TimeoutError(f"{self.address} was given up")
        # pooch counts whole chunks, and all of them once more at the end.
        self.received = min(self.received + size, self.total or sys.maxsize)

    def reset(self) -> None:
        """Keeps the count: the watching thread must not see it fall."""

    def close(self) -> None:
        """Leaves the bar as it is: it belongs to `bars`."""


def _reason(error: Exception) -> str:
    """Returns what a mirror did, to follow its address; raises the error of a disk."""
    from requests import exceptions

    reasons: dict[type[Exception], str] = {  # what is special comes first
        exceptions.HTTPError: f"answered {str(error).partition(' for url')[0]}",
        exceptions.ProxyError: "could not be reached through the proxy",
        exceptions.SSLError: "has no certificate that is trusted here",
        exceptions.Timeout: "did not answer",
        exceptions.ChunkedEncodingError: "broke off",
        exceptions.ConnectionError: "could not be reached",
        exceptions.RequestException: f"failed ({type(error).__name__})",
        ValueError: "sent something else (wrong MD5)",
    }
    if isinstance(error, OSError) and not isinstance(error, exceptions.RequestException):
        raise error
    other = f"failed ({type(error).__name__}: {error})"
    return next((text for kind, text in reasons.items() if isinstance(error, kind)), other)
