"""The answer to a wrong command line: what is wrong, and the line to type."""

import shlex
from collections.abc import Callable, Sequence

from vae_lab.cli.command_lines import PROGRAM, Interface, parse_words
from vae_lab.cli.suggestions.draft import Draft
from vae_lab.cli.suggestions.settings import mend_settings
from vae_lab.cli.suggestions.words import mend_words
from vae_lab.config.compose import Composer
from vae_lab.errors import UserError
from vae_lab.terminal import in_this_shell


def with_line_to_type(
    argv: Sequence[str],
    error: UserError,
    composer_of: Callable[[str | None, str | None], Composer],
    check: Callable[[Sequence[str]], object],
    interface: Interface,
) -> UserError:
    """Returns the error of a command line with the line that is meant, if that can be told.

    `check` raises `UserError` for a line that is wrong: only a line that passes is proposed.
    """
    draft = Draft([*argv], to_sweep=interface.to_sweep)
    try:
        mend_words(draft, composer_of(None, None))
        if not draft.module:
            line = parse_words(draft.words)
            mend_settings(draft, composer_of(line.config_dir, line.config_name))
    except (OSError, ValueError):  # also words that cannot be the name of a file
        return error
    if not draft.reasons:
        return error
    wrong = "; ".join(reason + ", ".join(of) for reason, of in draft.reasons.items())
    if not draft.module:
        try:
            check(draft.words)
        except UserError as left:
            same = str(left) == str(error)
            return error if same else UserError(f"{wrong}. With {shlex.join(draft.words)}: {left}")
    return UserError(
        f"{wrong}. {'For example' if draft.is_example else 'Type'}: {_line(draft, interface)}"
    )


def _line(draft: Draft, interface: Interface) -> str:
    if not draft.module:
        return interface.typed(draft.words)
    *python, package = PROGRAM  # a command of its own: of a shell
    return in_this_shell(shlex.join([*python, f"{package}.{draft.module}", *draft.words]))
