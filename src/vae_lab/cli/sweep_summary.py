"""A sweep's folder: its command lines at the start; at the end its table and what failed."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

from vae_lab.cli.command_lines import command_for, print_commands_to_look
from vae_lab.cli.resume import can_resume
from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import write_text
from vae_lab.ownership import REPORT, SUMMARY, check_replaceable
from vae_lab.progress_files import PLAN, SweepPlan
from vae_lab.report.summary import result_of, row, write_rows
from vae_lab.run_folder import (
    COMMANDS,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SUCCESS,
    RunFolder,
    RunResult,
)
from vae_lab.terminal import print_error, print_warning

# Columns of texts, the name first: the others are left out of the table if all runs agree.
LEFT_ALIGNED = (
    *("run", "status", "data", "images", "binarize", "likelihood", "posterior", "condition"),
    *("bound", "samples"),
)

# What the name of a run says, or another column, or what is only for the file.
IN_THE_NAME = (
    *("model", "latent_dim", "seed", "path"),
    *(f"{term}/test standard error" for term in ("elbo", "recon", "kl")),
)

# What a narrow terminal has no place for, the first to go first.
LEAST = ("seconds", "epochs", "recon/test", "kl/test", "tags", "note")

# What a person says about the runs, which contradicts no comparison. A long text is cut.
REMARKS = ("tags", "note")
LONGEST_REMARK = 30

# Columns of text if no terminal says how many there are.
WIDE = 160


def open_sweep(root: Path, command: str, plan: SweepPlan, *, report: bool) -> None:
    """Makes a sweep's folder with its plan, and the command line below those from before.

    Raises:
        UserError: if a file of somebody else is in the place of one that the sweep writes.
    """
    check_replaceable(root, [COMMANDS, PLAN, SUMMARY, *REPORT * report])
    path = root / COMMANDS
    try:
        plan.write(root)
        before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if command not in before:
            write_text(path, "\n".join([*before, command]) + "\n")
    except OSError as error:
        raise UserError(describe_os_error(error, path)) from error


def close_sweep(
    root: Path, runs: Sequence[Path], *, refused: Container[Path], again: str, report: bool
) -> list[str]:
    """Writes and prints the table of a sweep; returns the names of the jobs that are not finished.

    Args:
        root: the sweep's folder.
        runs: the folders of its jobs.
        refused: those of jobs that failed. A finished run in such a folder is another one.
        again: the line to type that resumes the sweep.
        report: whether the page is written too.
    """
    results = {run: _result(run, is_refused=run in refused) for run in runs}
    failed = {run: each for run, each in results.items() if each.status != SUCCESS}
    names = [run.name for run in failed]
    if not any(RunFolder(folder).exists for folder in runs):
        return names
    # Names are not markup.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    try:
        rows = write_rows(
            root, [row(result) | {"path": str(run)} for run, result in results.items()]
        )
        title = f"Test set, nats per image ± standard error over images, * best: {root}"
        console.print(_table(rows, title, console))
        for run, result in failed.items():
            console.print(_ending(run.name, result))
        if any(can_resume(RunFolder(run)) for run in failed):
            print("To resume:", again)
        if report and len(failed) < len(runs):
            _report(root)
            _comparison(root)
        print_commands_to_look(root)
        print(f"The same table: {root / SUMMARY}")
    except OSError as error:
        print_error(describe_os_error(error, root))
    return names


def _ending(name: str, result: RunResult) -> str:
    """Returns how a run ended that is not finished."""
    word = "unfinished" if result.status in (INTERRUPTED, RUNNING) else "FAILED"
    return f"{word} {name}: {result.error or result.status}"


def _result(folder: Path, *, is_refused: bool) -> RunResult:
    """Returns what became of a job."""
    result = result_of(folder)
    if is_refused and result.status == SUCCESS:
        error = "the folder holds a run of another configuration"
        return RunResult(name=folder.name, status=FAILED, error=error)
    return result


def _report(root: Path) -> None:
    """Writes the page and prints where it is; a failure costs only the page."""
    try:
        from vae_lab.report.page import write_report  # imports matplotlib

        print(f"Report:       {write_report([root], root).page}")
    except Exception as error:
        print_warning(
            f"the report could not be written ({type(error).__name__}: {error}); "
            f"{command_for('report', root)} tries again."
        )


def _comparison(root: Path) -> None:
    """Writes the pictures of all runs for TensorBoard; a failure costs only them."""
    try:
        from vae_lab.board.comparison.event_run import write_comparison  # imports matplotlib

        write_comparison([root], root)
    except Exception as error:
        print_warning(
            f"the pictures of all runs could not be written ({type(error).__name__}: {error}); "
            f"{command_for('board', root)} tries again."
        )


def _table(rows: Sequence[Mapping[str, str]], title: str, console: Console) -> Table:
    """Returns the rows as a table, without the columns in which all runs are the same.

    The best come first, and the best one has a mark, if all bounds are of one kind.
    """
    # A job that failed before it had a value does not contradict the others.
    values = {name: {cells[name] for cells in rows} - {""} for name in LEFT_ALIGNED[1:]}
    # A run without a note differs from one that has a note.
    values |= {name: {cells[name] for cells in rows} for name in REMARKS}
    same = {name: "".join(of_column) for name, of_column in values.items() if len(of_column) < 2}
    is_ranked = len(rows) > 1 and {*LEFT_ALIGNED[2:]} <= {*same}
    if is_ranked:
        rows = sorted(rows, key=lambda cells: -float(cells["elbo/test"] or "-inf"))
    lines = [{**cells, "elbo/test": _with_error(cells)} for cells in rows]
    if is_ranked and lines[0]["elbo/test"]:
        lines[0]["run"] += " *"
    empty = {name for name in rows[0] if not any(cells[name] for cells in rows)}
    shown = [name for name in rows[0] if name not in (*same, *IN_THE_NAME, *empty)]
    table, unlimited = _of_columns(lines, shown), console.options.update(max_width=10_000)
    for least in [name for name in LEAST if name in shown]:
        if console.measure(table, options=unlimited).maximum > console.width:
            shown.remove(least)
            table = _of_columns(lines, shown)
    table.title, table.title_justify = title, "left"
    told = [f"{name}: {same[name]}" for name in ("data", "status", *REMARKS) if same.get(name)]
    table.caption = ", ".join(told)
    table.caption_justify = "left"
    return table


def _of_columns(rows: Sequence[Mapping[str, str]], shown: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in shown:
        justify: JustifyMethod = "left" if heading in LEFT_ALIGNED else "right"
        if heading in REMARKS:
            table.add_column(heading, no_wrap=True, max_width=LONGEST_REMARK)
        else:
            # A long name continues in the next line: cut, two could be alike.
            table.add_column(heading, justify=justify, no_wrap=heading != "run", overflow="fold")
    for cells in rows:
        table.add_row(*(cells[name] for name in shown))
    return table


def _with_error(cells: Mapping[str, str]) -> str:
    bound, error = cells["elbo/test"], cells["elbo/test standard error"]
    return f"{bound} ± {error}" if bound and error else bound
