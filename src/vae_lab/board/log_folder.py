"""The folder that TensorBoard reads: a sweep itself, or links to the runs of any folders."""

import contextlib
import fnmatch
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path

from vae_lab.board.adaptations import RunColour
from vae_lab.errors import UserError, first_line
from vae_lab.ownership import COMPARISON
from vae_lab.reading import check_inside
from vae_lab.run_folder import COMMANDS, EVENT_FILES, RESULT, RUNNING, RunFolder
from vae_lab.terminal import print_warning, printable

OUTPUTS = Path("outputs")


class LogFolder:
    """The folder that TensorBoard gets: a sweep itself, or links to the runs of any folders.

    TensorBoard takes one folder and names each run by its path there, a run given by itself `.`.
    Links keep the names short: that of the run's folder, with a number if another run has it. The
    pictures of all runs lie in the folder too.
    """

    def __init__(self, folder: Path, sources: Sequence[Path]) -> None:
        self.folder, self.sources = folder, list(sources)
        self.names: dict[Path, str] = {}  # of each run in TensorBoard, by its path
        self.colours: dict[str, RunColour] = {}
        self._compared = 0.0  # when the newest result changed that the pictures are of
        self._find_runs()

    def refresh(self) -> None:
        """Finds new runs, and draws all runs again if one of them ended."""
        self._find_runs()
        results = [path for run in self.names if (path := run / RESULT).exists()]
        newest = max((path.stat().st_mtime for path in results), default=0.0)
        if newest > self._compared:
            self._compared = newest
            self._compare(newest)

    def _find_runs(self) -> None:
        is_source = self.sources == [self.folder]
        for run in (run for source in self.sources for run in runs_of(source)):
            target = run.resolve()
            if target in self.names:
                continue
            if is_source:  # in it, TensorBoard looks for runs by itself
                self.names[target] = str(run.relative_to(self.folder))
                continue
            candidates = chain([target.name], (f"{target.name}-{k}" for k in count(2)))
            taken = {COMPARISON, *self.names.values()}
            name = self.names[target] = next(it for it in candidates if it not in taken)
            (self.folder / name).symlink_to(target, target_is_directory=True)
            if name != target.name:
                print(printable(f"{run} is shown as {name}."), flush=True)

    def _compare(self, newest: float) -> None:
        """Draws all runs in one picture for each kind, unless that is done since `newest`."""
        try:
            from vae_lab.board.comparison.colours import run_colours
            from vae_lab.board.comparison.event_run import write_comparison  # imports matplotlib

            colours = run_colours(self.sources)
            self.colours = {self.names[run]: it for run, it in colours.items() if run in self.names}
            drawn = (self.folder / COMPARISON).glob(EVENT_FILES)
            if not any(path.stat().st_mtime >= newest for path in drawn):
                write_comparison(self.sources, self.folder)
        except UserError:
            return  # no run has ended well
        except Exception as error:  # what the files of a run hold can fail in any way
            reason = f"{type(error).__name__}: {first_line(error)}"
            print_warning(f"there are no pictures of all runs ({reason}).")


def runs_of(folder: Path) -> list[Path]:
    """Returns the folders of the runs at and below a folder that TensorBoard can show, or soon.

    Those with links out of them, or with pipes, are left out: TensorBoard would follow them.
    """
    runs = []
    for path, _, names in os.walk(folder):
        run = Path(path)
        has_result = RESULT in names
        if fnmatch.filter(names, EVENT_FILES):
            is_run = has_result or run.name != COMPARISON
        else:
            is_run = has_result and _is_running(run)
        if is_run and not _way_out(run):
            runs.append(run)
    return sorted(runs)


def _is_running(run: Path) -> bool:
    result = RunFolder(run).result
    return result is not None and result.status == RUNNING


def _way_out(folder: Path) -> str:
    """Returns what in a folder leads out of it, in words; empty if nothing does."""
    try:
        check_inside(folder)
    except UserError as error:
        return str(error)
    return ""


@contextlib.contextmanager
def folder_to_show(folders: Sequence[Path]) -> Iterator[LogFolder]:
    """Yields what to show: the folders given; else the newest sweep; else all single runs.

    Raises:
        UserError: A folder does not exist, or has no run in it.
    """
    sources = list(folders) or [_newest()]
    ways_out = []
    for source in sources:
        if not source.is_dir():
            raise UserError(f"{source} is not a folder: name one that holds runs.")
        if way_out := _way_out(source):
            ways_out.append(way_out)
            print_warning(f"{way_out} Runs with such a file are not shown.")
        if not runs_of(source):
            raise UserError(
                f"no run in {source} has TensorBoard's files ({EVENT_FILES}): name another folder, "
                f"or train with logger=tensorboard."
            )
    # A sweep's folder is its program's own: the pictures of all runs are kept there.
    is_sweep = len(sources) == 1 and (sources[0] / COMMANDS).is_file()
    if is_sweep and os.access(sources[0], os.W_OK) and not ways_out:
        yield LogFolder(sources[0], sources)
        return
    with tempfile.TemporaryDirectory(prefix="vae-lab-board-") as folder:
        yield LogFolder(Path(folder), sources)


def _newest() -> Path:
    """Returns the sweep in which a run began or ended last, else the folder of single runs."""
    sweeps = {path: runs for path in OUTPUTS.glob("sweeps/*") if (runs := runs_of(path))}
    if sweeps:
        return max(sweeps, key=lambda path: max(run.stat().st_mtime for run in sweeps[path]))
    single = OUTPUTS / "runs"
    if not single.is_dir():
        raise UserError(
            f"no runs in {OUTPUTS.absolute()}: train first (make sweep), or name a folder."
        )
    return single
