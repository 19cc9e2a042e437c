"""What a sweep says when it ends: the table, the failed jobs, the line that opens TensorBoard."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

from vae_lab.cli.command_lines import tensorboard_command
from vae_lab.errors import describe_os_error
from vae_lab.report.summary import write_summary
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import print_error, print_warning

LEFT_ALIGNED = ("run", "status", "data")

# Columns of text where no terminal says how many there are.
WIDE = 160


def close_sweep(root: Path, runs: Sequence[Path], *, again: str, report: bool) -> None:
    """Writes `summary.csv` and prints the table of a sweep, also when some jobs failed.

    Args:
        root: the sweep's folder.
        runs: its runs, in order.
        again: the command that goes on with the sweep, told where not all jobs succeeded.
        report: whether the page that compares them is written too.
    """
    if not any(RunFolder(folder).exists for folder in runs):
        return
    try:
        _close(root, runs, again, report)
    except OSError as error:
        print_error(describe_os_error(error, root))


def _close(root: Path, runs: Sequence[Path], again: str, report: bool) -> None:
    rows = write_summary(root, runs)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(_table(rows, title=f"Test set, nats per image: {root}"))
    finished = [folder for folder in runs if RunFolder(folder).is_finished]
    for folder in runs:
        if folder not in finished:
            result = RunFolder(folder).result
            reason = "never started" if result is None else result.error or result.status
            console.print(f"FAILED {folder.name}: {reason}", markup=False)
    if len(finished) < len(runs):
        print("To go on with what is not finished:", again)
    print(f"The same table: {root / 'summary.csv'}")
    if report and finished:
        _report(root)
    print("See the runs side by side:", tensorboard_command(root))


def _report(root: Path) -> None:
    """Writes the page and prints where it is; a failure costs the page alone."""
    try:
        from vae_lab.report.page import write_report  # imports matplotlib

        print(f"The runs compared, with their pictures: {write_report([root], root).page}")
    except Exception as error:
        print_warning(
            f"the report could not be written ({type(error).__name__}: {error}); "
            f"python -m vae_lab.report {shlex.quote(str(root))} tries again."
        )


def _table(rows: Sequence[Mapping[str, str]], title: str) -> Table:
    """Returns the rows as a table, without the columns that say the same of every run."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    same = {name for name in LEFT_ALIGNED[1:] if len({row[name] for row in rows}) == 1}
    if same:
        table.caption = ", ".join(f"{name}: {rows[0][name]}" for name in sorted(same))
        table.caption_justify = "left"
    for heading in (name for name in rows[0] if name not in same):
        justify: JustifyMethod = "left" if heading in LEFT_ALIGNED else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*(value for name, value in row.items() if name not in same))
    return table
