"""`vae-lab watch SWEEP`: how far each job is, while other processes do them."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from vae_lab.desk.job_states import Sweep, sweep_in
from vae_lab.desk.job_table import job_table, summary_line
from vae_lab.errors import JOB_FAILED, ArgumentParser, UserError, command
from vae_lab.outcome import JSON_FLAG
from vae_lab.run_folder import COMMANDS
from vae_lab.terminal import print_error, printable

SWEEPS = Path("outputs/sweeps")


def main() -> None:
    """Watches until the sweep is over: exit code 0, 1 if a job is not finished, 2 wrong input."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab watch",
        description="Shows how far each job of a sweep is, until all are done. It only reads: "
        "Ctrl-C ends the display, not the jobs.",
        examples={
            "python -m vae_lab watch": "the newest sweep",
            "python -m vae_lab watch outputs/sweeps/NAME": "the jobs of a sweep",
            "python -m vae_lab watch outputs/runs/NAME": "one run",
            "python -m vae_lab watch outputs/sweeps/NAME --once": "how far they are now",
        },
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        type=Path,
        help=f"a sweep, a run, or a folder of runs. Default: the newest sweep below {SWEEPS}.",
    )
    parser.add_argument(
        "--once", action="store_true", help="print one table, and end; so it is without a terminal"
    )
    words = "how often to look. Default: %(default)s."
    parser.add_argument("--every", metavar="SECONDS", type=float, default=1.0, help=words)
    return parser


def _main(argv: Sequence[str]) -> dict[str, Any]:
    arguments = argument_parser().parse_args(argv)
    if not 0.1 <= arguments.every <= 3600:
        raise UserError(f"--every must be between 0.1 and 3600 seconds, got {arguments.every:g}.")
    folder = arguments.folder.expanduser() if arguments.folder else newest_sweep()
    console = Console(highlight=False, markup=False, emoji=False)
    once = arguments.once or not console.is_terminal or JSON_FLAG in sys.argv
    sweep = sweep_in(folder) if once else _watch(folder, console, arguments.every)
    if once:
        console.print(_display(sweep, console, height=None))
    if sweep.ended:
        counts = Counter(job.state for job in sweep.ended)
        words = ", ".join(f"{count} {state}" for state, count in counts.items())
        print_error(f"{len(sweep.ended)} of {sweep.num_jobs} jobs are not finished: {words}.")
    return {
        "exit_code": JOB_FAILED if sweep.ended else 0,
        "folder": str(sweep.folder),
        "is_done": sweep.is_done,
        "num_jobs": sweep.num_jobs,
        "seconds_left": sweep.seconds_left,
        "jobs": [asdict(job) for job in sweep.jobs],
    }


def newest_sweep() -> Path:
    """Returns the sweep whose command was given last; UserError if there is none."""
    begun = {path.parent: path.stat().st_mtime for path in SWEEPS.glob(f"*/{COMMANDS}")}
    if not begun:
        raise UserError(f"there is no sweep in {SWEEPS}: name the folder of one, or of a run.")
    return max(begun, key=lambda sweep: begun[sweep])


def _watch(folder: Path, console: Console, every: float) -> Sweep:
    """Shows the jobs until they are done, or Ctrl-C; returns what was seen last."""
    sweep = sweep_in(folder)
    with (
        Live(
            _display(sweep, console, height=console.height),
            console=console,
            auto_refresh=False,
            vertical_overflow="crop",
        ) as live,
        suppress(KeyboardInterrupt),
    ):
        while not sweep.is_done:
            time.sleep(every)
            # A folder may be moved while one looks.
            with suppress(UserError, OSError):
                sweep = sweep_in(folder)
            live.update(_display(sweep, console, height=console.height), refresh=True)
    return sweep


def _display(sweep: Sweep, console: Console, *, height: int | None) -> Group:
    """Returns the table of the jobs, as high as the terminal, and what is left of them together."""
    # Title, headings, caption, summary, the blank lines between them, and that of the cursor.
    table = job_table(sweep, console, rows=None if height is None else max(1, height - 8))
    title = Text(printable(str(sweep.folder)), style="bold")
    return Group(title, Text(), table, Text(), Text(summary_line(sweep)))


if __name__ == "__main__":
    main()
