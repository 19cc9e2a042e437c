"""`python -m vae_lab.export RUN --to FOLDER`: a trained model as files for other programs."""

import re
import shlex
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vae_lab.errors import ArgumentParser, JobFailed, UserError, command
from vae_lab.export.sources import read_source
from vae_lab.exported import CARD, PICTURES
from vae_lab.files import check_writable
from vae_lab.imports import large_imports
from vae_lab.terminal import print_note, printable

# What the extra installs.
_OF_THE_EXTRA = ("onnx", "onnxscript", "onnxruntime")
_ONNX = "onnx"

_REMEDY = "name another folder with --to FOLDER"


def main() -> None:
    """Runs the command line and exits: 0 done, 1 no graphs, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab.export",
        description="Writes a trained model for other programs: encoder.onnx, decoder.onnx, "
        "model.safetensors, config.json, and README.md, a model card.",
        examples={
            "python -m vae_lab.export outputs/runs/NAME --to NAME": "a run that is finished",
            "python -m vae_lab.export example:conv-z10 --to conv-z10": "a model of the package",
        },
    )
    parser.usage = "%(prog)s [OPTIONS] RUN --to FOLDER"
    parser.add_argument("run", metavar="RUN", help="the folder of a run, or example:NAME")
    parser.add_argument(
        "--to", metavar="FOLDER", type=Path, required=True, help="a new or an empty folder"
    )
    parser.add_argument(
        "--license",
        metavar="ID",
        default="unknown",
        help="the license of the weights, as hubs name it: mit, cc-by-4.0. Default: unknown.",
    )
    parser.add_argument(
        "--without",
        metavar="PART",
        action="append",
        choices=(_ONNX, PICTURES),
        default=[],
        help=f"leave out {_ONNX} (the graphs) or {PICTURES} (they show test images)",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="use classes from outside the package. Only for runs of your own.",
    )
    return parser


def _main(argv: Sequence[str]) -> dict[str, Any]:
    arguments = argument_parser().parse_args(argv)
    target = arguments.to.expanduser()
    _check_target(target)
    source = read_source(arguments.run, trust=arguments.trust)
    if _ONNX not in arguments.without:
        _check_extra()
    with large_imports("vae_lab.export.folder"):
        from vae_lab.export.folder import write_folder  # imports torch

    written = write_folder(
        source,
        target,
        without=arguments.without,
        license_id=arguments.license,
        trust=arguments.trust,
    )
    if source.has_own_images and (target / PICTURES).exists():
        print_note(
            f"{target / PICTURES} shows test images of yours: --without {PICTURES} leaves it out."
        )
    about = written.about
    print(printable(f"Exported {about.weights} weights of epoch {about.weights_epoch}: {target}"))
    files = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())
    for file in files:
        print(printable(f"  {file}  {(target / file).stat().st_size:,} bytes"))
    upload = f"hf upload USER/{_hub_name(target)} {shlex.quote(str(target))} ."
    print(printable(f"Read and complete {target / CARD}, then, if you want to share it: {upload}"))
    if written.no_graphs:
        raise JobFailed(f"{target} has no encoder.onnx and decoder.onnx: {written.no_graphs}")
    return {
        "folder": str(target),
        "files": [str(file) for file in files],
        "weights": about.weights,
        "weights_epoch": about.weights_epoch,
        "largest_difference": max((it.difference for it in written.graphs), default=None),
        "upload": upload,
    }


def _hub_name(target: Path) -> str:
    """Returns a folder's name with only what the name of a repository on the hub may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target.absolute().name).strip("-.") or "NAME"


def _check_target(target: Path) -> None:
    """Raises UserError unless a folder is new or empty, and can be written."""
    if target.is_dir():
        if any(target.iterdir()):
            raise UserError(f"{target} is not empty: remove it, or {_REMEDY}.")
    elif target.exists() or target.is_symlink():
        raise UserError(f"{target} is a file: {_REMEDY}.")
    check_writable(target.parent, _REMEDY)


def _check_extra() -> None:
    """Raises UserError if what writes and runs graphs is not installed."""
    if missing := [name for name in _OF_THE_EXTRA if find_spec(name) is None]:
        raise UserError(
            f"{', '.join(missing)} is not installed, which the graphs need: pip install "
            f"'vae-lab[export]', or leave the graphs out with --without {_ONNX}."
        )


if __name__ == "__main__":
    main()
