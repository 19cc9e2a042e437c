"""What `--dry-run` prints."""

from collections import Counter

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from vae_lab.cli.dry_run import FINISHED, RunToDo, WorkToDo
from vae_lab.terminal import format_time, print_note, printable

# Columns of text if no terminal says how many there are.
WIDE = 160
NOT_KNOWN = "not known"


def print_work(work: WorkToDo) -> None:
    """Prints the runs of a command line and how long they take, and that nothing was done."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    print(f"{'Sweep' if work.is_sweep else 'Run'} in {printable(work.folder)}")
    if work.runs:
        console.print(_table(work.runs))
    for name, folder in work.downloads.items():
        print(f"Data: {name} is not in {printable(folder)}; its files are downloaded there first.")
    print(_summary(work))
    print_note("nothing was done. Leave --dry-run out to start.")


def _table(runs: list[RunToDo]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    for heading in ("parameters", "epochs to do", "time", "by earlier runs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            printable(run.run),
            run.state,
            NOT_KNOWN if run.num_parameters is None else f"{run.num_parameters:,}",
            str(run.epochs),
            _time(run),
            str(run.earlier_runs or ""),
        )
    return table


def _time(run: RunToDo) -> str:
    if run.state == FINISHED:
        return ""
    return NOT_KNOWN if run.seconds is None else format_time(run.seconds)


def _summary(work: WorkToDo) -> str:
    """Returns how many runs are in which state, and how long all of them take."""
    if work.is_sweep and not work.runs:
        number = "an unknown number of" if work.num_trials is None else str(work.num_trials)
        words = f"A search of {number} trials, which are chosen as it goes"
    else:
        counts = Counter(run.state for run in work.runs)
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        words = f"{len(work.runs)} run{'s' * (len(work.runs) != 1)}: {states}"
    return f"{words}. {_time_of_all(work)}"


def _time_of_all(work: WorkToDo) -> str:
    if work.seconds is None:
        unknown = sum(run.seconds is None for run in work.runs)
        which = f" of {unknown} of them" if 0 < unknown < len(work.runs) else ""
        return (
            f"The time{which} is not known: there is no finished run of the same options, data and "
            f"threads in outputs/."
        )
    if work.runs and all(run.state == FINISHED for run in work.runs):
        return "There is nothing left to do."
    at_a_time = work.jobs_at_a_time or 1
    together = f", {at_a_time} at a time" if at_a_time > 1 else ", one after the other"
    return f"About {format_time(work.seconds)} on this machine{together * work.is_sweep}."
