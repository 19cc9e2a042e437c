"""`python -m vae_lab.explore FOLDER [FOLDER ...]`: a page that shows what models learned."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae_lab.config.check import check_recorded
from vae_lab.errors import ArgumentParser, UserError, command
from vae_lab.files import check_writable
from vae_lab.imports import large_imports
from vae_lab.ownership import EXPLORER, check_replaceable
from vae_lab.reading import check_inside, parse_yaml
from vae_lab.run_folder import RESULT, SUCCESS, RunFolder
from vae_lab.terminal import printable

if TYPE_CHECKING:
    from vae_lab.explorer.content import TrainedRun

# Runs of one page: a screen has no place for more side by side.
MOST_RUNS = 8

_REMEDY = "name another file with --to FILE"


class Chosen(NamedTuple):
    """Runs to show, where, and the folders that are left out with the reason."""

    runs: list[RunFolder]
    target: Path
    title: str
    left_out: dict[Path, str]


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab.explore",
        description="Shows what models learned, in one page to open in a browser: explorer.html.",
        examples={
            "python -m vae_lab.explore outputs/runs/NAME": "a run: explorer.html in its folder",
            "python -m vae_lab.explore outputs/sweeps/NAME": "the runs of a sweep side by side",
            "python -m vae_lab.explore outputs/runs/A outputs/runs/B --to both.html": "two runs",
        },
    )
    # All options do not fit one line.
    parser.usage = "%(prog)s [OPTIONS] FOLDER [FOLDER ...]"
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="+", type=Path, help="a run, a sweep, or several"
    )
    parser.add_argument(
        "--to",
        metavar="FILE",
        type=Path,
        help="the page. Default: explorer.html in the folder, of several in the one that has all.",
    )
    parser.add_argument(
        "--data-root", metavar="FOLDER", help="the folder of the data set's files, if they moved"
    )
    parser.add_argument(
        "--data-path", metavar="PATH", help="the file or folder of your own images, if they moved"
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="use classes from outside the package. Only for runs of your own.",
    )
    return parser


def _main(argv: Sequence[str]) -> Mapping[str, Any]:
    arguments = argument_parser().parse_args(argv)
    folders = [folder.expanduser() for folder in arguments.folders]
    to = None if arguments.to is None else arguments.to.expanduser()
    chosen = choose(folders, to, trust=arguments.trust)
    page, left_out = explore(
        chosen,
        {
            "data_root": arguments.data_root,
            "data_path": arguments.data_path,
            "trust": arguments.trust,
        },
    )
    for path, reason in left_out.items():
        print(printable(f"left out {path}: {reason}"))
    print(printable(f"Explorer:     {page}"))
    left = [{"folder": path, "reason": reason} for path, reason in left_out.items()]
    shown = [run.path for run in chosen.runs if run.path not in left_out]
    return {"page": page, "runs": shown, "left_out": left}


def choose(folders: Sequence[Path], to: Path | None, *, trust: bool) -> Chosen:
    """Returns which runs of some folders are shown, and in which file. Needs no torch.

    Raises:
        UserError: A folder holds no run that can be shown, or the page cannot be written.
    """
    runs: dict[Path, RunFolder] = {}
    left_out: dict[Path, str] = {}
    for folder in folders:
        for run in _runs(folder):
            place = run.path.resolve()
            if place in runs or run.path in left_out:
                continue
            if (reason := _refusal(run, trust=trust)) is None:
                runs[place] = run
            elif run.path == folder:
                raise UserError(reason)
            else:
                left_out[run.path] = reason
    if not runs:
        named = "".join(f" {path.name}: {why}" for path, why in [*left_out.items()][:3])
        remedy = "train first, or name another folder"
        raise UserError(f"no finished run in {', '.join(map(str, folders))}: {remedy}.{named}")
    shown, others = [*runs.values()][:MOST_RUNS], [*runs.values()][MOST_RUNS:]
    words = f"a page shows at most {MOST_RUNS} runs: name those that you want to see"
    left_out |= {run.path: words for run in others}
    target = to or _common_folder(folders) / EXPLORER
    if target.is_dir():
        target = target / EXPLORER
    check_writable(target.parent, _REMEDY)
    check_replaceable(target.parent, [target.name])
    title = shown[0].require_result().name or shown[0].name
    if len(shown) > 1:
        title = f"{target.resolve().parent.name}: {len(shown)} runs"
    return Chosen(shown, target, title, left_out)


def explore(chosen: Chosen, settings: Mapping[str, Any]) -> tuple[Path, dict[Path, str]]:
    """Writes the page; returns where it is, and the folders that are left out with the reason.

    `settings` are `data_root`, `data_path` and `trust`, as those of an evaluation.

    Raises:
        UserError: A run cannot be loaded, and no other is left.
    """
    with large_imports("vae_lab.explorer.loading"):
        from vae_lab.explorer.loading import load
        from vae_lab.explorer.page import write_explorer

    loaded: list[TrainedRun] = []
    left_out = dict(chosen.left_out)
    for run in chosen.runs:
        try:
            loaded.append(load(run, settings))
        except UserError as error:
            if len(chosen.runs) == 1:
                raise
            left_out[run.path] = str(error)
    if not loaded:
        raise UserError(f"no run can be shown. {'; '.join(list(left_out.values())[:3])}")
    limits = loaded[0].folder.config.get("explorer") or _default_limits()
    write_explorer(chosen.target, loaded, chosen.title, limits)
    return chosen.target, left_out


def _runs(folder: Path) -> Iterator[RunFolder]:
    """Yields the run of a folder, or the runs below it; what is not a folder is yielded too."""
    run = RunFolder(folder)
    if run.exists or not folder.is_dir():
        yield run
    else:
        yield from (RunFolder(path.parent) for path in sorted(folder.rglob(RESULT)))


def _refusal(run: RunFolder, *, trust: bool) -> str | None:
    """Returns why a run cannot be shown; None if it can, as far as its small files say."""
    try:
        result = run.require_result()
        if result.status != SUCCESS:
            return f"{run.path} is not finished (status of the run: {result.status}): train it."
        check_recorded(run.config)
        if not trust:
            check_inside(run.path)
        run.checkpoint(None)  # as the final test chose it
    except UserError as error:
        return str(error)
    return None


def _common_folder(folders: Sequence[Path]) -> Path:
    """Returns the folder itself, or the one that has all of several in it."""
    if len(folders) == 1:
        return folders[0]
    try:
        return Path(os.path.commonpath([folder.absolute().parent for folder in folders]))
    except ValueError:  # on several drives
        raise UserError(f"the folders have no folder in common: {_REMEDY}.") from None


def _default_limits() -> dict[str, Any]:
    from vae_lab.config.compose import conf_folder

    content: dict[str, Any] = parse_yaml((conf_folder() / "explorer/default.yaml").read_bytes())
    return content


if __name__ == "__main__":
    main()
