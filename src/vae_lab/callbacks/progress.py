"""How far the training is: a bar on a terminal or in a notebook, else one line per epoch."""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from vae_lab.callbacks.notebook_progress import NotebookBar, in_notebook
from vae_lab.epochs import TrainingClock
from vae_lab.terminal import format_time

ERASE_LINE = "\r\x1b[2K"


# Columns of text if there is no terminal to ask.
WIDE = 99
BAR_WIDTH = 10
# What a narrow line has no place for, the first to go first.
LEAST = ("loss", "speed", "bar", "elbo")


class Progress(ProgressBar):
    """Shows run of the sweep, epoch, training loss, bound, speed, time left of run and sweep.

    A step costs one reading of the clock. The values are those of the last complete epoch, taken
    from `trainer.callback_metrics`: none is fetched from the device for the display's sake. A
    display that cannot be written ends no training.
    """

    def __init__(self, *, refreshes_per_second: float) -> None:
        """Sets how often the bar is redrawn at most; of no effect without a terminal."""
        super().__init__()
        self._interval = 1 / refreshes_per_second
        self._enabled = True
        self._bar: _Bar | NotebookBar | None = None
        self._run = ""  # "run 3/4"
        self._rest_of_sweep: Callable[[float], float | None] | None = None
        self._clock: TrainingClock | None = None
        self._epoch_start = self._last_step = self._next_refresh = 0.0
        self._images = 0  # of this epoch so far
        self._has_validation = False  # of this epoch
        self._finished: dict[str, str] | None = None  # title and speed of an unreported epoch
        self._values: dict[str, str] = {}

    def place_in_sweep(
        self, run: str = "", rest: Callable[[float], float | None] | None = None
    ) -> None:
        """Sets the run's place in its sweep, such as "run 3/4", and what tells the sweep's time.

        `rest` tells how many seconds the later runs take if this one takes so many, or that it is
        not known.
        """
        self._run, self._rest_of_sweep = run, rest

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._clock = TrainingClock(trainer)
        if not self._enabled or not trainer.is_global_zero:
            return
        if sys.stdout and sys.stdout.isatty():
            with suppress(OSError, ValueError):
                self._bar = _Bar(sys.stdout)
        elif in_notebook():
            self._bar = NotebookBar()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._has_validation = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._report_epoch(trainer)
        self._epoch_start = self._next_refresh = time.monotonic()
        self._images = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._last_step = now = time.monotonic()
        self._images += len(batch.images) * trainer.world_size
        if self._bar is None or now < self._next_refresh:
            return
        self._next_refresh = now + self._interval
        parts = {**self._title_and_speed(trainer), **self._times(trainer), **self._values}
        with suppress(OSError, ValueError):
            self._bar.show(parts, steps=batch_idx + 1, total=self.total_train_batches)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finished = self._title_and_speed(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        last = self._report_epoch(trainer)
        bar = self._bar
        self._close()
        if bar is not None and last:
            bar.end(last)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._close()

    def print(self, *args: Any, **kwargs: Any) -> None:
        # While a bar is up, sys.stdout prints above it.
        print(*args, **kwargs)

    def _report_epoch(self, trainer: Trainer) -> str:
        """Takes over the values of the epoch that ended, and prints its line if there is no bar.

        Returns the line, "" if no epoch ended.

        Called when the next epoch starts, since only then every metric of the last one is there.
        """
        if self._finished is None:
            return ""
        finished, self._finished = self._finished, None
        # A bound of an earlier epoch is not one of this epoch.
        metrics = trainer.callback_metrics
        kept = [name for name in metrics if self._has_validation or not name.endswith("/val")]
        self._values = values_of({name: metrics[name] for name in kept})
        self._has_validation = False
        parts = fitted({**finished, **self._times(trainer), **self._values}, WIDE)
        line = in_a_line(parts, "title", "loss", "elbo", "times")
        if self._enabled and self._bar is None and trainer.is_global_zero:
            _print(line)
        return line

    def _title_and_speed(self, trainer: Trainer) -> dict[str, str]:
        title = f"{self._run}  {_epoch(trainer)}" if self._run else _epoch(trainer)
        seconds = max(1e-9, self._last_step - self._epoch_start)
        return {"title": title, "speed": format_speed(self._images / seconds)}

    def _times(self, trainer: Trainer) -> dict[str, str]:
        """Returns what is left of the run and of its sweep, as far as it is known."""
        if self._clock is None or (whole := self._clock.whole(trainer)) is None:
            return {}
        share = self._clock.share(trainer)
        left, times = whole * (1 - share), {}
        if share < 1:
            times["left"] = f"{format_time(left)} left"
        # Nothing more is said in the last run of a sweep.
        if self._rest_of_sweep is not None and (rest := self._rest_of_sweep(whole)):
            times["sweep"] = f"sweep {format_time(left + rest)} left"
        return times

    def _close(self) -> None:
        """Removes the bar and gives the terminal back; what follows is printed plainly."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None


def fitted(parts: Mapping[str, str], width: int) -> dict[str, str]:
    """Returns the parts of a line that fit into so many columns, two columns between them."""
    kept = dict(parts)
    for name in LEAST:
        if sum(len(text) + 2 for text in kept.values()) - 2 > width:
            kept.pop(name, None)
    return kept


def in_a_line(parts: Mapping[str, str], *names: str) -> str:
    """Returns the parts that are there in this order; `times` stands for all that tell of time."""
    times = ", ".join(parts[name] for name in ("speed", "left", "sweep") if name in parts)
    return "  ".join(filter(None, ({**parts, "times": times}.get(name) for name in names)))


def values_of(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Returns the training loss and the bound in nats with their names, if they exist."""
    elbo = "elbo/val" if "elbo/val" in metrics else "elbo/train"
    shown = [("loss", "loss", "loss/train"), ("elbo", elbo, elbo)]
    return {
        part: f"{label} {float(metrics[key]):.2f}" for part, label, key in shown if key in metrics
    }


def format_speed(images_per_second: float) -> str:
    """Returns "5,200 images/s", or below ten "1.5 images/s": never zero."""
    number = f"{images_per_second:,.0f}" if images_per_second >= 10 else f"{images_per_second:.2g}"
    return f"{number} images/s"


def _epoch(trainer: Trainer) -> str:
    """Returns "epoch  3/20", or "epoch 3" if only steps or time limit the training."""
    current, last = trainer.current_epoch + 1, trainer.max_epochs
    if last is None or last < 0:
        return f"epoch {current}"
    return f"epoch {current:{len(str(last))}}/{last}"


def _print(line: str) -> None:
    with suppress(OSError, ValueError):
        print(line, flush=True)


class _Bar:
    """One line at the bottom of the terminal. It has no thread: it moves only when shown."""

    def __init__(self, terminal: TextIO) -> None:
        # One line and never two: a second one would be left behind by each log message.
        one_line = Column(no_wrap=True)
        self._title = TextColumn("{task.description}", table_column=one_line)
        self._moving = (BarColumn(bar_width=BAR_WIDTH), MofNCompleteColumn())
        self._text = TextColumn("{task.fields[text]}", table_column=one_line)
        self._console = Console(file=terminal)
        self._rich = RichProgress(
            self._text,
            console=self._console,
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

    def show(self, parts: Mapping[str, str], *, steps: int, total: float) -> None:
        # Columns stand one apart, the parts of the text two.
        moving = {"bar": "-" * (BAR_WIDTH + len(f"{total}/{total}"))}
        shown = fitted({**parts, **moving}, self._console.width)
        self._rich.columns = (self._title, *self._moving * ("bar" in shown), self._text)
        text = in_a_line(shown, "times", "elbo", "loss")
        self._rich.update(
            self._task, description=shown["title"], text=text, completed=steps, total=total
        )
        self._rich.refresh()

    def end(self, line: str) -> None:
        _print(line)

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
