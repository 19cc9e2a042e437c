"""The table of jobs that `vae-lab watch` shows, as wide and as high as the terminal."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vae_lab.desk.job_states import ACTIVE, ENDED, FINISHED, WAITING, JobState, Sweep
from vae_lab.terminal import format_time, printable

BAR_WIDTH = 12
# What a narrow terminal has no place for, the first to go first.
LEAST = ("s/epoch", "progress", "elbo/test")

_STYLES = {FINISHED: "green", WAITING: "dim"}
_STYLES |= dict.fromkeys(ACTIVE, "bold cyan") | dict.fromkeys(ENDED, "bold red")
# If not all jobs have room: those that something happens to.
_FIRST = (*ENDED, *ACTIVE, WAITING, FINISHED)

Cell = Callable[[JobState], RenderableType]


def job_table(sweep: Sweep, console: Console, *, rows: int | None) -> Table:
    """Returns a row per job, of many those that something happens to, as many as `rows`."""
    jobs = _shown(sweep.jobs, rows)
    columns = dict(_columns(jobs))
    table = _table(jobs, columns)
    unlimited = console.options.update(max_width=10_000)
    for least in LEAST:
        if console.measure(table, options=unlimited).maximum > console.width:
            columns.pop(least, None)
            table = _table(jobs, columns)
    if hidden := len(sweep.jobs) - len(jobs):
        table.caption, table.caption_justify = f"and {hidden} more jobs", "left"
    return table


def summary_line(sweep: Sweep) -> str:
    """Returns how many jobs are in which state, and about how long the rest takes."""
    counts = Counter(job.state for job in sweep.jobs)
    counts[WAITING] += sweep.num_jobs - len(sweep.jobs) if sweep.is_alive else 0
    words = [f"{counts[state]} {state}" for state in reversed(_FIRST) if counts[state]]
    number = f"{sweep.num_jobs} job{'s' * (sweep.num_jobs != 1)}"
    left = "" if sweep.seconds_left is None else f"; about {format_time(sweep.seconds_left)} left"
    return f"{number}: {', '.join(words)}{left}"


def _shown(jobs: Sequence[JobState], rows: int | None) -> list[JobState]:
    if rows is None or len(jobs) <= rows:
        return list(jobs)
    chosen = sorted(jobs, key=lambda job: _FIRST.index(job.state))[:rows]
    return [job for job in jobs if job in chosen]


def _columns(jobs: Sequence[JobState]) -> Mapping[str, Cell]:
    """Returns what each column shows of a job; a column that no job fills is left out."""
    splits = {job.elbo_split for job in jobs if job.elbo is not None} or {"val"}
    bound = f"elbo/{splits.pop()}" if len(splits) == 1 else "elbo"
    columns: dict[str, Cell] = {
        "job": lambda job: Text(printable(job.job)),
        "state": lambda job: Text(job.state, style=_STYLES[job.state]),
        "progress": _bar,
        "epoch": _epoch,
        bound: lambda job: _number(job.elbo, "{:.2f}"),
        "elbo/test": lambda job: _number(job.elbo_test, "{:.2f}"),
        "s/epoch": lambda job: _number(job.seconds_per_epoch, "{:.3g}"),
        "left": lambda job: "" if job.seconds_left is None else format_time(job.seconds_left),
    }
    if all(job.elbo_test is None for job in jobs):
        del columns["elbo/test"]
    return columns


def _table(jobs: Sequence[JobState], columns: Mapping[str, Cell]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in columns:
        justify: JustifyMethod = "left" if heading in ("job", "state", "progress") else "right"
        # One line per job: a long name is cut.
        table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis")
    for job in jobs:
        table.add_row(*(cell(job) for cell in columns.values()))
    return table


def _bar(job: JobState) -> RenderableType:
    if job.share is None:
        return ""
    return ProgressBar(
        total=1.0,
        completed=min(1.0, job.share),
        width=BAR_WIDTH,
        complete_style="red" if job.state in ENDED else "cyan",
        finished_style="green" if job.state == FINISHED else "cyan",
    )


def _epoch(job: JobState) -> str:
    if job.epochs is None:
        return "" if job.max_epochs is None else f"0/{job.max_epochs}"
    return f"{job.epochs}" if job.max_epochs is None else f"{job.epochs}/{job.max_epochs}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
