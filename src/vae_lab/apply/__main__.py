"""`python -m vae_lab.apply RUN TASK [FILE ...] --to FOLDER`: a trained model on one's own pictures.

What can be checked is checked before torch is imported: the arguments, the run, the pictures.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.apply.pictures import read_pictures
from vae_lab.apply.request import argument_parser, check
from vae_lab.apply.writing import Results, check_place
from vae_lab.errors import JobFailed, command
from vae_lab.imports import large_imports
from vae_lab.terminal import print_warning, printable


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a picture could not be used, 2 wrong input."""
    command(_main)


def _main(argv: Sequence[str]) -> Mapping[str, Any]:
    request = check(argument_parser().parse_args(argv))
    check_place(request)
    pictures = read_pictures(request)
    results = Results(request)
    usable = [picture for picture in pictures if picture.fitted is not None]
    is_complete = len(usable) == len(pictures)
    # Of two ends none can be missing; a sample needs no picture.
    if not pictures or (usable and (is_complete or request.task != "interpolate")):
        with large_imports("vae_lab.apply.tasks"):
            from vae_lab.apply.tasks import perform

        perform(request, usable, results)
    for picture in pictures:
        print(printable(picture.line))
        for note in picture.notes:
            print_warning(f"{picture.path}: {note}")
    outcome = results.close(pictures)
    for path in results.shown:
        print(printable(f"Written:      {path}"))
    if not is_complete:
        failed = len(pictures) - len(usable)
        raise JobFailed(f"{failed} of {len(pictures)} pictures could not be used.", outcome)
    return outcome


if __name__ == "__main__":
    main()
