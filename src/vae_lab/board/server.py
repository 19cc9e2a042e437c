"""TensorBoard on the right folder, with every picture kept: `python -m vae_lab.board [FOLDER ...]`.

It runs inside this process. Only its data server is a process of its own, and ends with this one
whatever ends it: it reads from a pipe that closes then.
"""

import argparse
import contextlib
import io
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any, NoReturn

from vae_lab.board.links import LinkServer, links
from vae_lab.errors import UserError
from vae_lab.ownership import COMPARISON
from vae_lab.reading import check_inside
from vae_lab.run_folder import EVENT_FILES, RESULT, RUNNING, RunFolder
from vae_lab.terminal import print_warning, printable

OUTPUTS = Path("outputs")

LOOPBACK = "localhost"

# By default TensorBoard keeps 10 pictures of a kind, chosen at random.
SAMPLING = {"images": 500, "scalars": 10_000}

# Seconds between two looks for new runs, as often as TensorBoard looks for new values.
RELOAD = 5

# Seconds that the links wait for TensorBoard to have read the files.
PATIENCE = 10


class LogFolder:
    """The folder that TensorBoard gets: the only source itself, or links to the runs of several.

    TensorBoard takes one folder and names each run by its path there, a run given by itself `.`.
    Links keep the names short: that of the run's folder, with a number if another run has it.
    """

    def __init__(self, folder: Path, sources: Sequence[Path]) -> None:
        self.folder, self.sources, self._names = folder, list(sources), dict[Path, str]()
        self.refresh()

    @property
    def num_runs(self) -> int:
        """The number of runs that can be shown now."""
        return len({run.resolve() for source in self.sources for run in runs_of(source)})

    def refresh(self) -> None:
        """Links new runs; in a source itself TensorBoard looks for them."""
        if self.sources == [self.folder]:
            return
        for run in (run for source in self.sources for run in runs_of(source)):
            target = run.resolve()
            if target not in self._names:
                candidates = chain([target.name], (f"{target.name}-{k}" for k in count(2)))
                name = next(it for it in candidates if it not in self._names.values())
                self._names[target] = name
                (self.folder / name).symlink_to(target, target_is_directory=True)
                if name != target.name:
                    print(printable(f"{run} is shown as {name}."), flush=True)


def runs_of(folder: Path) -> list[Path]:
    """Returns the folders of the runs at and below a folder that TensorBoard can show, or soon.

    Those with links out of them, or with pipes, are left out: TensorBoard would follow them.
    """
    with_events = {
        path.parent
        for path in folder.rglob(EVENT_FILES)
        if path.parent.name != COMPARISON or (path.parent / RESULT).exists()
    }
    just_begun = {
        path.parent
        for path in folder.rglob(RESULT)
        if (result := RunFolder(path.parent).result) and result.status == RUNNING
    }
    return sorted(run for run in with_events | just_begun if not _way_out(run))


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
            raise UserError(f"{source} is no folder: name one that holds runs.")
        if way_out := _way_out(source):
            ways_out.append(way_out)
            print_warning(f"{way_out} Runs with such a file are not shown.")
        if not runs_of(source):
            raise UserError(
                f"no run in {source} has TensorBoard's files ({EVENT_FILES}): name another folder, "
                f"or train with logger=tensorboard."
            )
    if len(sources) == 1 and sources[0] not in runs_of(sources[0]) and not ways_out:
        yield LogFolder(sources[0], sources)
        return
    with tempfile.TemporaryDirectory(prefix="vae-lab-board-") as folder:
        yield LogFolder(Path(folder), sources)


def serve(log_folder: LogFolder, *, host: str, port: int) -> NoReturn:
    """Starts TensorBoard, prints the links, and stays until a signal comes.

    Raises:
        UserError: The host or the port cannot be used.
    """
    url, server = _start(log_folder.folder, host=host, port=port)
    num_runs = log_folder.num_runs
    _await(server, num_runs)
    runs = "1 run" if num_runs == 1 else f"{num_runs} runs"
    print(f"TensorBoard shows {runs} of {', '.join(map(str, log_folder.sources))}:")
    for title, address in links(url, server):
        print(printable(f"  {title:<26}{address}"))
    if not server.kinds():
        print(f"  {'pictures, once drawn':<26}{url}#images")
    print("Ctrl-C ends it.", flush=True)
    while True:
        time.sleep(RELOAD)
        log_folder.refresh()


def _start(folder: Path, *, host: str, port: int) -> tuple[str, LinkServer]:
    """Starts TensorBoard in a thread; returns its address, and what it serves."""
    _check_address(host, port)
    from tensorboard import default, program  # not needed to refuse wrong input

    link_servers: list[LinkServer] = []

    def server(application: Any, flags: argparse.Namespace) -> program.TensorBoardServer:
        link_servers.append(LinkServer(application, names=[host, socket.gethostname()]))
        return program.create_port_scanning_werkzeug_server(link_servers[0], flags)

    board = program.TensorBoard(default.get_plugins(), server_class=server)
    board.configure(
        logdir=str(folder.absolute()),
        host=host,
        port=port,
        samples_per_plugin=SAMPLING,
        reload_interval=RELOAD,
    )
    # TensorBoard praises its fast loader on stderr, three lines at every start.
    with contextlib.redirect_stderr(io.StringIO()):
        url = board.launch()
    # An address that means "every interface" is none to click on.
    for everywhere in ("0.0.0.0", "[::]"):
        url = url.replace(f"//{everywhere}:", f"//{socket.gethostname()}:")
    return url, link_servers[0]


def _check_address(host: str, port: int) -> None:
    """Raises UserError if nothing can be served: the answers of TensorBoard have many forms."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((host, port), family=family):
            pass
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not the name of a machine"
        raise UserError(
            f"cannot serve at {host}, port {port} ({reason}): choose another --host, or "
            f"leave out --port."
        ) from error


def _await(server: LinkServer, num_runs: int) -> None:
    """Waits until TensorBoard knows the runs, and no more kinds of pictures turn up."""
    deadline, before = time.monotonic() + PATIENCE, None
    server.has("projector")  # it answers from the second question on
    while time.monotonic() < deadline:
        content = server.kinds(), server.has("projector")
        if len(server.runs()) >= num_runs and content == before:
            return
        before = content
        time.sleep(0.2)


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
