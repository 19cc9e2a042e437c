"""What a sweep says when it ends: the table, the failed jobs, the line that opens TensorBoard."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vae_lab.results import RESULT, SUCCESS, read_result, write_summary

LEFT_ALIGNED = ("run", "status", "data")


def close_sweep(root: Path, folders: Sequence[Path]) -> None:
    """Writes `summary.csv` and prints the table of a sweep, also when some jobs failed.

    Args:
        root: the sweep's folder.
        folders: its runs, in order; empty where the sweeper chose them as it went.
    """
    runs = list(folders) or sorted(path.parent for path in root.glob(f"*/{RESULT}"))
    if not any(folder.exists() for folder in runs):
        return
    rows = write_summary(root, runs)
    table = Table(title=f"Test set, nats per image: {root}", title_justify="left")
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading in LEFT_ALIGNED else "right")
    for row in rows:
        table.add_row(*row.values())
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    for folder in runs:
        result = read_result(folder)
        if result is None or result["status"] != SUCCESS:
            reason = "never started" if result is None else result.get("error", result["status"])
            console.print(f"FAILED {folder.name}: {reason}", markup=False)
    print(f"The same table: {root / 'summary.csv'}")
    print("See the runs side by side:", tensorboard_command(root))


def tensorboard_command(folder: Path) -> str:
    """Returns the command that opens TensorBoard on a folder, keeping every picture and value."""
    sampling = "images=500,scalars=10000"
    return f"tensorboard --logdir {shlex.quote(str(folder))} --samples_per_plugin {sampling}"
