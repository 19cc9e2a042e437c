"""A command line, all of it checked: before the first job starts, and without torch."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial
from typing import NamedTuple

from vae_lab.cli.command_lines import RESUME, CommandLine, Interface, parse_words
from vae_lab.cli.jobs import Jobs, jobs_of
from vae_lab.cli.launchers import check_machine
from vae_lab.cli.resume import Resumed, read_resumed
from vae_lab.cli.suggestions.answer import with_line_to_type
from vae_lab.config.compose import Composer, key_of
from vae_lab.errors import UserError


class CheckedLine(NamedTuple):
    """What a command line asks for, all of it checked."""

    composer: Composer
    line: CommandLine
    now: datetime  # from which the sweep of the line has its name
    jobs: Jobs | None = None  # None: nothing new is trained
    resumed: Resumed | None = None


def check_line(argv: Sequence[str], interface: Interface) -> CheckedLine:
    """Returns what a command line asks for.

    Raises:
        UserError: for the first thing that is wrong, with the line to type if that can be told.
    """
    # A line that is corrected is checked once more, with the same files.
    composer_of, now = cache(Composer), datetime.now()
    check = partial(_checked, interface=interface, composer_of=composer_of, now=now)
    try:
        return check(argv)
    except UserError as error:
        raise with_line_to_type(argv, error, composer_of, check, interface) from error


def _checked(
    argv: Sequence[str],
    *,
    interface: Interface,
    composer_of: Callable[[str | None, str | None], Composer],
    now: datetime,
) -> CheckedLine:
    """Returns what a command line asks for; UserError for the first thing that is wrong."""
    line = parse_words(argv, interface)
    composer = composer_of(line.config_dir, line.config_name)
    if line.asks_hydra or line.asks_help:
        return CheckedLine(composer, line, now)
    if any(key_of(override) == RESUME for override in line.overrides):
        return CheckedLine(composer, line, now, resumed=read_resumed(composer, line))
    jobs = jobs_of(composer, line, now)
    if not line.show:
        check_machine(jobs.jobs)
    return CheckedLine(composer, line, now, jobs)
