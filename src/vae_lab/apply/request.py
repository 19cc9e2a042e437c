"""What a command line asks of a trained model, checked. No torch."""

import argparse
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab.class_labels import class_index, classes_of
from vae_lab.config.check import check_recorded
from vae_lab.errors import ArgumentParser, UserError, did_you_mean
from vae_lab.exported import is_exported, located, read_config
from vae_lab.reading import check_inside
from vae_lab.run_folder import RunFolder, RunResult

TASKS = {
    "reconstruct": "each picture as the model gives it back",
    "encode": "the code of each picture: mean and standard deviation of q(z|x), as a table",
    "score": "the bound of each picture in nats, and its rank among the run's test images",
    "complete": "the missing part of each picture, filled in several ways",
    "interpolate": "the pictures between two pictures",
    "sample": "new pictures; takes no file",
}

# Tasks whose result is a table, which can be a file of its own.
TABLES = ("encode", "score")
TABLE_SUFFIXES = (".csv", ".parquet")

# The parts that --hide names: shares of height and width, from and to.
PARTS = {
    "top": (0.0, 0.5, 0.0, 1.0),
    "bottom": (0.5, 1.0, 0.0, 1.0),
    "left": (0.0, 1.0, 0.0, 0.5),
    "right": (0.0, 1.0, 0.5, 1.0),
    "middle": (0.25, 0.75, 0.25, 0.75),
}

BACKGROUNDS = {"black": 0, "white": 255}

# Options that only some tasks have, with their defaults there, and the least that makes sense.
_DEFAULTS: dict[str, dict[str, int]] = {
    "num_images": {"complete": 8, "sample": 16},
    "num_samples": {"score": 100},
    "steps": {"interpolate": 10},
    "seed": {"score": 0, "complete": 0, "sample": 0},
}
_LEAST = {"num_images": 1, "num_samples": 2, "steps": 2, "seed": 0, "enlarge": 1}
_MOST = {"num_images": 1000, "num_samples": 100_000, "steps": 1000, "enlarge": 100}
_ONLY_OF = {"mask": ("complete",), "hide": ("complete",)}


class ApplyRequest(NamedTuple):
    """A task for a trained model, all of it checked.

    `model` is the folder of a run, or an exported one; `to` a folder, or the file of a table.
    `numbers` are the options of the task that are numbers. `classes` are those that a conditional
    model knows, `label` is the class of all pictures, if it was given.
    """

    model: Path
    image_shape: tuple[int, ...]  # C, H, W
    binarize: str
    task: str
    files: list[Path]
    to: Path
    numbers: Mapping[str, int]
    classes: tuple[str, ...]
    label: str | None
    mask: Path | None
    hide: str | None
    invert: bool
    background: int | None
    enlarge: int
    weights: str | None
    trust: bool

    @property
    def is_table(self) -> bool:
        """Whether `to` is the file of a table, and nothing else is written."""
        return self.to.suffix.lower() in TABLE_SUFFIXES


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab.apply",
        description="Uses a trained model on your own pictures. TASK is one of "
        f"{', '.join(TASKS)}.",
        examples={
            "python -m vae_lab.apply RUN reconstruct a.png photos/ --to out": "files and folders",
            "python -m vae_lab.apply RUN encode *.png --to codes.csv": "or codes.parquet",
            "python -m vae_lab.apply RUN complete a.png --hide bottom --to out": "8 lower halves",
            "python -m vae_lab.apply RUN sample --label 7 --to out": "of a conditional model",
            "python -m vae_lab.apply example:conv-z10 sample --to out": "of a model in the box",
        },
    )
    parser.usage = "%(prog)s RUN TASK [FILE ...] --to FOLDER [OPTIONS]"
    parser.add_argument(
        "run", metavar="RUN", help="the folder of a run, an exported folder, or example:NAME"
    )
    parser.add_argument("task", metavar="TASK", help="what to do")
    parser.add_argument(
        "files", metavar="FILE", nargs="*", type=Path, help="pictures, and folders of pictures"
    )
    parser.add_argument(
        "--to", metavar="FOLDER", type=Path, help="where the results go; of a table also a file"
    )
    _add_options(parser)
    return parser


def _add_options(parser: ArgumentParser) -> None:
    words = (
        "the class of every picture, for a conditional model. Default: the most probable of each."
    )
    parser.add_argument("--label", metavar="NAME", help=words)
    words = "a picture as large as the others, white where they are to be completed"
    parser.add_argument("--mask", metavar="FILE", type=Path, help=words)
    words = f"complete this part instead: {', '.join(PARTS)}"
    parser.add_argument("--hide", metavar="PART", help=words)
    for name, words in {
        "num_images": "how many completions or samples. Default: 8, or 16 (of each class).",
        "num_samples": "draws of z per picture for its score. Default: 100.",
        "steps": "pictures of an interpolation, both ends included. Default: 10.",
        "seed": "another seed draws other samples and completions. Default: 0.",
    }.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="N", type=int, help=words)
    words = "black is white: for dark strokes on white paper and a model of MNIST"
    parser.add_argument("--invert", action="store_true", help=words)
    words = f"what shows through transparent pixels: {' or '.join(BACKGROUNDS)}"
    parser.add_argument("--background", metavar="COLOUR", help=words)
    words = "pixels per pixel in the separate files. Default: %(default)s."
    parser.add_argument("--enlarge", metavar="N", type=int, default=1, help=words)
    parser.add_argument("--weights", metavar="NAME", help="best or last. Default: the best.")
    words = "use classes from outside the package. Only for runs of your own."
    parser.add_argument("--trust", action="store_true", help=words)


def check(arguments: argparse.Namespace) -> ApplyRequest:
    """Returns what parsed arguments ask for.

    Raises:
        UserError: They are wrong, or do not name a model.
    """
    task = _task(arguments.task)
    if arguments.to is None:
        raise UserError("say where the results go: --to FOLDER.")
    numbers = _numbers(task, arguments)
    _check_choices(task, arguments)
    _check_files(task, arguments.files)
    model = located(arguments.run)
    known = _model(model, arguments)
    classes = classes_of(known.config, known.result)
    request = ApplyRequest(
        model=model,
        image_shape=known.image_shape,
        binarize=known.config["data"]["binarize"],
        task=task,
        files=[path.expanduser() for path in arguments.files],
        to=arguments.to.expanduser(),
        numbers=numbers,
        classes=classes,
        label=_label(arguments.label, classes),
        mask=None if arguments.mask is None else arguments.mask.expanduser(),
        hide=arguments.hide,
        invert=arguments.invert,
        background=BACKGROUNDS.get(arguments.background),
        enlarge=arguments.enlarge,
        weights=arguments.weights,
        trust=arguments.trust,
    )
    _check_table(request)
    return request


def _task(name: str) -> str:
    if name in TASKS:
        return name
    close = did_you_mean(name, TASKS)
    meant = f" Did you mean {close}?" if close else ""
    raise UserError(f"{name} is not a task: after the run comes one of {', '.join(TASKS)}.{meant}")


def _numbers(task: str, arguments: argparse.Namespace) -> dict[str, int]:
    """Returns the task's options that are numbers."""
    numbers = {}
    for name, defaults in _DEFAULTS.items():
        given = getattr(arguments, name)
        _check_range(name, given)
        if given is not None and task not in defaults:
            _refuse(name, task, tuple(defaults))
        if task in defaults:
            numbers[name] = defaults[task] if given is None else given
    return numbers


def _check_range(name: str, given: int | None) -> None:
    least, most = _LEAST[name], _MOST.get(name)
    if given is None or (given >= least and (most is None or given <= most)):
        return
    words = f"at least {least}" if most is None else f"from {least} to {most:,}"
    raise UserError(f"--{name.replace('_', '-')} must be {words}, got {given}.")


def _check_choices(task: str, arguments: argparse.Namespace) -> None:
    for name, tasks in _ONLY_OF.items():
        if getattr(arguments, name) is not None and task not in tasks:
            _refuse(name, task, tasks)
    choices = {"hide": [*PARTS], "background": [*BACKGROUNDS]}
    for name, allowed in choices.items():
        given = getattr(arguments, name)
        if given is not None and given not in allowed:
            raise UserError(f"--{name} must be one of {', '.join(allowed)}, got {given}.")
    if arguments.mask is not None and arguments.hide is not None:
        raise UserError("--mask and --hide both say what is missing: give one of them.")
    if arguments.background is not None and task == "complete":
        raise UserError("complete takes what is transparent as missing: leave --background out.")
    _check_range("enlarge", arguments.enlarge)


def _refuse(option: str, task: str, tasks: tuple[str, ...]) -> None:
    flag = option.replace("_", "-")
    raise UserError(f"--{flag} has no effect on {task}: it is an option of {', '.join(tasks)}.")


def _check_files(task: str, files: list[Path]) -> None:
    wanted = {"sample": "no file", "interpolate": "two files, the ends"}.get(task, "a file or more")
    fits = {"sample": not files, "interpolate": len(files) == 2}.get(task, bool(files))
    if not fits:
        raise UserError(f"{task} takes {wanted}, got {len(files)}.")


class _Known(NamedTuple):
    image_shape: tuple[int, ...]
    config: Mapping[str, Any]
    result: RunResult


def _model(model: Path, arguments: argparse.Namespace) -> _Known:
    """Returns what is known of a model: the shape of its images, its configuration, its result."""
    if is_exported(model):
        about = read_config(model)
        return _Known(about.image_shape, about.config, about.result)
    run = RunFolder(model)
    config = run.config  # raises if the folder is not a run
    check_recorded(config)
    if not arguments.trust:
        check_inside(model)
    run.checkpoint(arguments.weights)
    return _Known(run.image_shape, config, run.require_result())


def _label(given: str | None, classes: tuple[str, ...]) -> str | None:
    """Returns the name of the class that was given."""
    if given is None:
        return None
    if not classes:
        raise UserError(
            "--label has no effect on this model, which has no condition: leave it out, or train a "
            "model with condition=label."
        )
    return classes[class_index(given, classes)]


def _check_table(request: ApplyRequest) -> None:
    """Raises UserError if a table cannot be written as the name of its file says."""
    if not request.is_table:
        return
    if request.task not in TABLES:
        raise UserError(
            f"{request.task} writes pictures: name a folder with --to, not {request.to}."
        )
    if request.to.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UserError(
            f"{request.to} needs pyarrow, which is not installed: pip install pyarrow, or name a "
            f"file that ends in .csv."
        )
