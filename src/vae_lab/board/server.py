"""TensorBoard on the right folder, with every picture kept: `python -m vae_lab.board [FOLDER ...]`.

It runs inside this process. Only its data server is a process of its own, and ends with this one
whatever ends it: it reads from a pipe that closes then.
"""

import argparse
import contextlib
import io
import socket
import time
from pathlib import Path
from typing import Any, NoReturn

from vae_lab.board.application import LinkServer
from vae_lab.board.log_folder import LogFolder
from vae_lab.errors import UserError
from vae_lab.ownership import COMPARISON
from vae_lab.run_folder import EVENT_FILES
from vae_lab.terminal import printable

LOOPBACK = "localhost"

# By default TensorBoard keeps 10 pictures of a kind, chosen at random.
SAMPLING = {"images": 500, "scalars": 10_000}

# Seconds between two looks for new runs, as often as TensorBoard looks for new values.
RELOAD = 5

# What tells TensorBoard of latent codes in the folder of a run.
PROJECTOR = "projector_config.pbtxt"

# Seconds that the links wait at most for TensorBoard to have read the files.
PATIENCE = 30


def serve(log_folder: LogFolder, *, host: str, port: int) -> dict[str, Any]:
    """Starts TensorBoard, prints the links, and returns them with the address, for `--json`.

    Raises:
        UserError: The host or the port cannot be used.
    """
    url, server = _start(log_folder, host=host, port=port)
    log_folder.refresh()
    _await(server, log_folder)
    runs = "1 run" if len(log_folder.names) == 1 else f"{len(log_folder.names)} runs"
    print(f"TensorBoard shows {runs} of {', '.join(map(str, log_folder.sources))}: {url}")
    links = {link.title: f"{url.rstrip('/')}{link.path}" for link in server.links}
    for title, address in links.items():
        print(printable(f"  {title:<25} {address}"))
    if not server.tensorboard.kinds():
        print(f"  {'pictures, once drawn':<26}{url}?board#images")
    print("Ctrl-C ends it.", flush=True)
    return {"address": url, "links": links, "runs": [*log_folder.names]}


def stay(log_folder: LogFolder) -> NoReturn:
    """Keeps the folder up to date until a signal comes."""
    while True:
        time.sleep(RELOAD)
        log_folder.refresh()


def _start(log_folder: LogFolder, *, host: str, port: int) -> tuple[str, LinkServer]:
    """Starts TensorBoard in a thread; returns its address, and what it serves."""
    _check_address(host, port)
    print(printable(f"reading {', '.join(map(str, log_folder.sources))}"), flush=True)
    from tensorboard import default, program  # not needed to refuse wrong input

    link_servers: list[LinkServer] = []

    def server(application: Any, flags: argparse.Namespace) -> program.TensorBoardServer:
        link_servers.append(
            LinkServer(
                application,
                names=[host, socket.gethostname()],
                sources=log_folder.sources,
                colours=lambda: log_folder.colours,
            )
        )
        return program.create_port_scanning_werkzeug_server(link_servers[0], flags)

    board = program.TensorBoard(default.get_plugins(), server_class=server)
    board.configure(
        logdir=str(log_folder.folder.absolute()),
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


def _await(server: LinkServer, log_folder: LogFolder) -> None:
    """Waits until TensorBoard has read what there is: a page does not ask a second time so soon."""
    deadline = time.monotonic() + PATIENCE
    expected = {name: _num_kinds(run) for run, name in log_folder.names.items()}
    comparison = log_folder.folder / COMPARISON
    if next(comparison.glob(EVENT_FILES), None):
        expected[COMPARISON] = 1
    has_codes = any((run / PROJECTOR).exists() for run in log_folder.names)
    while time.monotonic() < deadline:
        tags, runs = server.tensorboard.picture_tags(), server.tensorboard.runs()
        # It answers about the Projector from the second question on.
        is_complete = server.tensorboard.has("projector") or not has_codes
        for run, num_tags in expected.items():
            is_complete &= run in runs and len(tags.get(run, ())) >= num_tags
        if is_complete:
            return
        time.sleep(0.2)


def _num_kinds(run: Path) -> int:
    """Returns how many kinds of pictures a run has drawn."""
    return len({path.stem.rpartition("_")[0] for path in (run / "figures").glob("*_*.png")})
