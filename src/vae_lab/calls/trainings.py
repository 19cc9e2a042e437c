"""`vae_lab.train` and `vae_lab.sweep`: what a command line does, in this process.

Checks and work are those of the command line (`cli`). Here stands only what a call adds: images as
arrays, errors as exceptions, lines to type that are Python, and a process that stays as it was.
"""

import json
import signal
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from vae_lab.calls.arrays import settings_of
from vae_lab.calls.process_state import (
    Restoring,
    hydra_kept,
    logging_kept,
    one_at_a_time,
    process_kept,
    torch_kept,
    workers_ended,
)
from vae_lab.cli.checked_line import CheckedLine, check_line
from vae_lab.cli.command_lines import Interface, argument_parser
from vae_lab.cli.execution import Outcome, execute, prepare
from vae_lab.errors import JobFailed, Stopped, UserError
from vae_lab.report.dataframe import load_runs
from vae_lab.report.summary import result_of
from vae_lab.training.signals import handle_signals

if TYPE_CHECKING:
    import pandas as pd

    from vae_lab.trained_vae import TrainedVAE

SWEEP_FLAGS = ("-m", "--multirun")
# Flags of the command line that choose files of the configuration; all others print something.
_FLAGS = ("multirun", "config_dir", "config_name")


def train(overrides: Sequence[str], data: Any, labels: Any) -> "TrainedVAE":
    """Returns the trained model of overrides; see `vae_lab.train`."""
    __tracebackhide__ = True
    outcome = _outcome(overrides, data, labels, is_sweep=False)
    from vae_lab.trained_vae import load  # imports torch, which the training did before

    return load(outcome.folder, weights=None, trust=outcome.trust)


def sweep(overrides: Sequence[str], data: Any, labels: Any) -> "pd.DataFrame":
    """Returns a data frame of the finished runs of a sweep; see `vae_lab.sweep`."""
    __tracebackhide__ = True
    outcome = _outcome(overrides, data, labels, is_sweep=True)
    failed = {
        path.name: (result := result_of(path)).error or result.status
        for path in outcome.runs
        if path.name in outcome.unfinished
    }
    finished = [path for path in outcome.runs if path.name not in failed]
    if not finished:
        reasons = "; ".join(f"{name}: {why}" for name, why in failed.items())
        raise JobFailed(f"no run of the sweep {outcome.folder} is finished: {reasons}")
    frame = load_runs(*finished)
    frame.attrs |= {"folder": str(outcome.folder), "failed": failed}
    return frame


def _outcome(overrides: Sequence[str], data: Any, labels: Any, *, is_sweep: bool) -> Outcome:
    """Does what the overrides ask for.

    Raises:
        UserError: if something is wrong with them, before the training begins.
        JobFailed: if the run began and failed.
        KeyboardInterrupt: if it was interrupted; it says how to resume.
    """
    __tracebackhide__ = True  # of a notebook: it shows the caller's line and the error
    _check_words(overrides)
    failures: list[Exception] = []
    try:
        with Restoring() as stack:
            # A second signal does not end the process: a notebook is more than its training.
            stack.enter_context(handle_signals(held_in=Restoring.__exit__))
            stack.enter_context(one_at_a_time())
            for kept in (process_kept, hydra_kept, workers_ended, warnings.catch_warnings):
                stack.enter_context(kept())
            images = settings_of(data, labels, overrides)
            interface = Interface(partial(as_python, images=images), "call vae_lab.sweep")
            words = [*["-m"] * is_sweep, *images, *overrides]
            checked = check_line(words, interface)
            _check_kind(checked, words, is_sweep=is_sweep)
            prepared = prepare(checked)

            stack.enter_context(logging_kept())
            stack.enter_context(torch_kept())
            outcome = execute(prepared, failures.append)
    except UserError as error:
        # Where in our code it was found helps nobody who reads it in a notebook.
        raise error.with_traceback(None) from None
    except Stopped as stopped:
        if stopped.number == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)  # as it would have been without a training
        raise KeyboardInterrupt(str(stopped)) from None
    if failures:
        raise failures[0]
    return outcome


def as_python(words: Sequence[str], images: Sequence[str] = ()) -> str:
    """Returns the call that does what the words of a command line do.

    `images` are those words that stand for an array of images.
    """
    is_sweep = any(word in SWEEP_FLAGS for word in words)
    left = [word for word in words if word not in (*SWEEP_FLAGS, *images)]
    arguments = [json.dumps(word, ensure_ascii=False) for word in left]
    if images and {*images} <= {*words}:
        arguments.append("data=...")
    return f"vae_lab.{'sweep' if is_sweep else 'train'}({', '.join(arguments)})"


def _check_words(overrides: Sequence[str]) -> None:
    """Raises UserError for what cannot be an override, and for flags that only a shell has."""
    options = argument_parser()._option_string_actions
    for word in overrides:
        if not isinstance(word, str):
            raise UserError(
                f'an override is a text such as "latent_dim=10", got {type(word).__name__}. A list '
                f"of overrides is given with a star: vae_lab.train(*overrides)."
            )
        flag = options.get(word.partition("=")[0])
        if flag is not None and flag.dest not in _FLAGS:
            raise UserError(
                f"{word} is a flag of the command line: type python -m vae_lab {word} in a "
                f"terminal."
            )


def _check_kind(checked: CheckedLine, words: Sequence[str], *, is_sweep: bool) -> None:
    """Raises UserError for a sweep that must be none, and for a run of several processes."""
    line, jobs = checked.line, checked.jobs
    if line.is_sweep and not is_sweep:
        typed = line.interface.typed(["-m", *words])
        raise UserError(f"this is a sweep, which vae_lab.train does not do. Type: {typed}")
    for job in jobs.jobs if jobs is not None else ():
        trainer = job.values["trainer"]
        devices = trainer["devices"]
        if str(trainer.get("strategy", "auto")) != "auto" or str(devices) not in ("1", "auto"):
            raise UserError(
                f"trainer.devices={devices} starts this program several times, which a call from "
                f"Python cannot: use the command line, or trainer=default."
            )
