"""`vae-lab compare A B`: in what two runs differ."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_lab.errors import ArgumentParser, command
from vae_lab.files import check_writable
from vae_lab.ownership import check_replaceable
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import printable

# The page, if --to names a folder.
PAGE = "compare.html"


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    both = "python -m vae_lab compare outputs/runs/A outputs/runs/B"
    parser = ArgumentParser(
        prog="python -m vae_lab compare",
        description="Says in what two runs differ: in their configurations, in their numbers "
        "image by image, and in their pictures, which it draws as text.",
        examples={
            both: "the differences of A and B",
            f"{both} --to compare.html": "also as a page",
        },
    )
    parser.usage = "%(prog)s A B [OPTIONS]"
    for name in ("A", "B"):
        parser.add_argument(name.lower(), metavar=name, type=Path, help="the folder of a run")
    words = "write a page with the pictures of both side by side; a file, or its folder"
    parser.add_argument("--to", metavar="FILE", type=Path, help=words)
    parser.add_argument("--no-pictures", action="store_true", help="print no pictures")
    return parser


def _main(argv: Sequence[str]) -> Mapping[str, Any]:
    arguments = argument_parser().parse_args(argv)
    paths = arguments.a.expanduser(), arguments.b.expanduser()
    for path in paths:
        RunFolder(path).require_result()
    target = None if arguments.to is None else _target(arguments.to.expanduser())
    from vae_lab.desk.comparison.pair import Pair  # imports scipy
    from vae_lab.desk.comparison.printing import print_comparison

    pair = Pair(paths)
    print_comparison(pair, pictures=not arguments.no_pictures)
    if target is not None:
        from vae_lab.desk.comparison.page import write_page  # imports matplotlib

        write_page(pair, target)
        print(printable(f"Page: {target}"))
    return pair.outcome() | {"page": target}


def _target(path: Path) -> Path:
    """Returns the file of the page; UserError if it cannot be written."""
    target = path / PAGE if path.is_dir() or not path.suffix else path
    check_writable(target.parent, "name another file with --to FILE")
    check_replaceable(target.parent, [target.name])
    return target


if __name__ == "__main__":
    main()
