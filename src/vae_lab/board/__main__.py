"""`python -m vae_lab.board [FOLDER ...]`: TensorBoard on runs and sweeps."""

import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from vae_lab.board.log_folder import OUTPUTS, folder_to_show
from vae_lab.board.server import LOOPBACK, serve, stay
from vae_lab.errors import ArgumentParser, UserError, command
from vae_lab.outcome import Ongoing


def main() -> None:
    """Serves until Ctrl-C or SIGTERM, the ordinary ends: exit code 0; 2 for wrong input."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Raised in the main thread, wherever it is: it leaves the folder of links as it should be.
        signal.signal(number, lambda *_: sys.exit(0))
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab.board",
        description="Shows runs side by side in TensorBoard, and prints links to what it shows.",
        examples={
            "python -m vae_lab.board": "the newest sweep",
            "python -m vae_lab.board outputs/sweeps/NAME": "the runs of a sweep",
            "python -m vae_lab.board outputs/runs --port 6006": "all runs, on this port",
        },
    )
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        type=Path,
        help="a sweep, a run, or any folder of runs. Default: the newest sweep below "
        f"{OUTPUTS}/sweeps, else {OUTPUTS}/runs.",
    )
    words = "the address to serve on. Default: %(default)s."
    parser.add_argument("--host", metavar="HOST", default=LOOPBACK, help=words)
    words = "the port. Default: a free one."
    parser.add_argument("--port", metavar="PORT", default=0, type=int, help=words)
    return parser


def _main(argv: Sequence[str]) -> Ongoing:
    arguments = argument_parser().parse_args(argv)
    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port must be between 0 and 65535, got {arguments.port}.")
    with ExitStack() as stack:
        log_folder = stack.enter_context(folder_to_show(arguments.folders))
        served = serve(log_folder, host=arguments.host, port=arguments.port)
        shown = stack.pop_all()  # the folder stays as long as it is served

    def wait() -> None:
        with shown:
            stay(log_folder)

    return Ongoing(served, wait)


if __name__ == "__main__":
    main()
