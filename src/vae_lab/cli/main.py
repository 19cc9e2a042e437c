"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import runpy
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vae_lab.cli.checked_line import check_line
from vae_lab.cli.command_lines import SHELL, CommandLine, print_commands_to_look
from vae_lab.cli.help import print_help
from vae_lab.cli.hydra_jobs import run_hydra
from vae_lab.cli.task import job
from vae_lab.cli.training_outcome import TrainingOutcome
from vae_lab.config.compose import Composer
from vae_lab.errors import JOB_FAILED, Stopped, exit_code
from vae_lab.outcome import Ended, run_command
from vae_lab.ownership import FIGURES_PAGE
from vae_lab.terminal import keep_streams_writable, print_note
from vae_lab.training.distributed import join_run, joined_run
from vae_lab.training.signals import handle_signals

# `vae-lab report FOLDER` is `python -m vae_lab.report FOLDER`; a first word that is none of these
# is a setting of a training.
COMMANDS = {
    name: f"vae_lab.{name}"
    for name in ("apply", "board", "evaluate", "explore", "export", "report")
} | {name: f"vae_lab.desk.{name}" for name in ("compare", "query", "schema", "watch")}


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a job failed, 2 wrong input, 130, 143 stopped."""
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        runpy.run_module(COMMANDS[sys.argv.pop(1)], run_name="__main__", alter_sys=True)
        return
    keep_streams_writable()
    # A process that joins the run of another prints no outcome of its own.
    joined = joined_run()
    argv = [] if joined else sys.argv[1:]
    sys.exit(run_command("train", argv, partial(_ended, joined)))


def _ended(joined: Path | None, argv: Sequence[str]) -> Ended:
    """Does what a command line asks for; returns the exit code, and the outcome for `--json`."""
    training = TrainingOutcome()
    try:
        with handle_signals():
            if joined:
                join_run(joined)
                return Ended(0, {})
            return Ended(_main(argv, training), training.content())
    except Exception as error:
        training.tell(error)
        return Ended(exit_code(error), training.content())
    except Stopped as stopped:
        print_note(stopped)  # no error: the person asked for it
        return Ended(stopped.code, training.content(stopped))
    except SystemExit as ended:  # PyTorch cannot be imported
        return Ended(int(ended.code or 0), training.content())


def _main(argv: Sequence[str], training: TrainingOutcome) -> int:
    """Does what a command line asks for, and returns the exit code."""
    checked = check_line(argv, SHELL)
    line = checked.line
    if line.asks_hydra:
        run_hydra(argv, job)
        return 0
    if line.asks_help:
        print_help(line)
        return 0
    if line.show and checked.resumed is None:
        _show(checked.composer, line)
        return 0
    # Not needed by a line that is wrong, nor for help: somebody waits for the answer.
    if line.dry_run:
        from vae_lab.cli.dry_run import work_to_do
        from vae_lab.cli.dry_run_table import print_work

        training.work = work_to_do(checked)
        print_work(training.work)
        return 0
    from vae_lab.cli.execution import execute, prepare

    prepared = prepare(checked)
    training.prepared = prepared
    outcome = training.outcome = execute(prepared, training.tell)
    if not outcome.is_sweep and outcome.is_success:
        if (page := outcome.folder / "figures" / FIGURES_PAGE).exists():
            print("Pictures:    ", page)
        print_commands_to_look(outcome.folder)
    return 0 if outcome.is_success else JOB_FAILED


def _show(composer: Composer, line: CommandLine) -> None:
    """Lets Hydra show the configuration."""
    parsed = composer.parse(line.overrides, sweep=line.is_sweep)
    lines = [str(override.input_line) for override in parsed]
    run_hydra(line.for_hydra(lines, multirun=line.multirun), job)
