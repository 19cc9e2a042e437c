"""How far the training is: a bar on a terminal, one plain line per epoch anywhere else."""

import logging
import math
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from vae_lab.epochs import share_done

ERASE_LINE = "\r\x1b[2K"


class Progress(ProgressBar):
    """Shows epoch, steps, speed, time left, training loss and bound.

    A step costs one reading of the clock. The values are those of the last complete epoch, whose
    number stands before them on a bar, taken from `trainer.callback_metrics`: none is fetched from
    the device for the display's sake. A display that cannot be written ends no training.
    """

    def __init__(self, *, refreshes_per_second: float) -> None:
        """Sets how often the bar is redrawn at most; of no effect without a terminal."""
        super().__init__()
        self._interval = 1 / refreshes_per_second
        self._enabled = True
        self._bar: _Bar | None = None
        self._start = self._epoch_start = self._next_refresh = 0.0
        self._total = math.inf  # steps of the training
        self._first_share = 0.0  # that was done before: of a run that goes on
        self._has_validation = False  # of this epoch
        self._finished: tuple[str, float] | None = None  # title and seconds of an unreported epoch
        self._values = ""

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start, self._total = time.monotonic(), trainer.estimated_stepping_batches
        self._first_share = share_done(trainer, trainer.global_step, self._total)
        if self._enabled and trainer.is_global_zero and sys.stdout and sys.stdout.isatty():
            with suppress(OSError, ValueError):
                self._bar = _Bar(sys.stdout)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._has_validation = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._report_epoch(trainer)
        self._epoch_start = self._next_refresh = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None or (now := time.monotonic()) < self._next_refresh:
            return
        self._next_refresh = now + self._interval
        steps = batch_idx + 1
        speed = format_speed(steps / max(1e-9, now - self._epoch_start))
        text = f"{speed}{self._time_left(trainer)}{self._values}"
        with suppress(OSError, ValueError):
            self._bar.show(_title(trainer), text, steps=steps, total=self.total_train_batches)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finished = _title(trainer), time.monotonic() - self._epoch_start

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()
        self._report_epoch(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._close()

    def print(self, *args: Any, **kwargs: Any) -> None:
        # While a bar is up, sys.stdout prints above it.
        print(*args, **kwargs)

    def _report_epoch(self, trainer: Trainer) -> None:
        """Takes over the values of the epoch that ended, and prints its line if there is no bar.

        Called when the next epoch starts, since only then every metric of the last one is there.
        """
        if self._finished is None:
            return
        (title, seconds), self._finished = self._finished, None
        # A bound of an earlier epoch is not one of this epoch.
        metrics = trainer.callback_metrics
        kept = [name for name in metrics if self._has_validation or not name.endswith("/val")]
        values = format_values({name: metrics[name] for name in kept})
        self._has_validation, self._values = False, f"  {title.partition('/')[0]}:{values}"
        if self._enabled and self._bar is None and trainer.is_global_zero:
            with suppress(OSError, ValueError):
                print(f"{title}{values}  {seconds:.1f} s{self._time_left(trainer)}", flush=True)

    def _time_left(self, trainer: Trainer) -> str:
        """Returns ", 2:05 left", or nothing if it is not known."""
        share = share_done(trainer, trainer.global_step, self._total)
        if not self._first_share < share < 1:
            return ""
        spent = time.monotonic() - self._start
        return f", {format_time(spent * (1 - share) / (share - self._first_share))} left"

    def _close(self) -> None:
        """Removes the bar and gives the terminal back; what follows is printed plainly."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None


def format_values(metrics: Mapping[str, Any]) -> str:
    """Returns the training loss and the bound in nats, each after two spaces, if they are there."""
    elbo = "elbo/val" if "elbo/val" in metrics else "elbo/train"
    shown = [(label, key) for label, key in (("loss", "loss/train"), (elbo, elbo))]
    return "".join(f"  {label} {float(metrics[key]):.2f}" for label, key in shown if key in metrics)


def format_speed(steps_per_second: float) -> str:
    """Returns "12 it/s", "1.5 it/s" or, below one, "2.5 s/it"."""
    if steps_per_second < 1:
        return f"{1 / steps_per_second:.1f} s/it"
    return f"{steps_per_second:.{1 if steps_per_second < 10 else 0}f} it/s"


def format_time(seconds: float) -> str:
    """Returns a time such as "0:09", "2:05" or "1:02:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _title(trainer: Trainer) -> str:
    """Returns "epoch  3/20", or "epoch 3" if only steps or time limit the training."""
    current, last = trainer.current_epoch + 1, trainer.max_epochs
    if last is None or last < 0:
        return f"epoch {current}"
    return f"epoch {current:{len(str(last))}}/{last}"


class _Bar:
    """One line at the bottom of the terminal. It has no thread: it moves only when shown."""

    def __init__(self, terminal: TextIO) -> None:
        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            # One line and never two: a second one would be left behind by each log message.
            TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True)),
            console=Console(file=terminal),
            auto_refresh=False,
            transient=True,
            # If stderr goes to a file, it has to get there.
            redirect_stderr=sys.stderr.isatty(),
        )
        self._task = self._rich.add_task("", text="", total=None)
        self._rich.start()
        self._guard = _LineEraser(terminal)
        self._guarded = [logging.root, *_loggers_with_handlers()]
        for logger in self._guarded:
            logger.handlers.insert(0, self._guard)  # before those that write

    def show(self, title: str, text: str, *, steps: int, total: float) -> None:
        self._rich.update(
            self._task, description=title, text=text, completed=steps, total=total, refresh=True
        )

    def close(self) -> None:
        # The handlers first: they must go, whatever the terminal takes.
        for logger in self._guarded:
            logger.removeHandler(self._guard)
        self._rich.stop()


class _LineEraser(logging.Handler):
    """Clears the bar before a log message: log handlers write to the terminal behind rich's back.

    The message then stands on the cleared line, and the next refresh draws the bar below it.
    """

    def __init__(self, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            self._terminal.write(ERASE_LINE)
            self._terminal.flush()


def _loggers_with_handlers() -> list[logging.Logger]:
    # Some of the values are placeholders for parents that nobody asked for.
    loggers = list(logging.root.manager.loggerDict.values())
    return [logger for logger in loggers if isinstance(logger, logging.Logger) and logger.handlers]
