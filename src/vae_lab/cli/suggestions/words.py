"""Words that are not `key=value`, and what they mean: flags, blanks, commands, options, folders."""

import re
from itertools import takewhile
from pathlib import Path

from vae_lab.cli.command_lines import DRY_RUN, PROGRAM, argument_parser
from vae_lab.cli.suggestions.draft import SWEEP, Draft
from vae_lab.cli.suggestions.keys import option_named
from vae_lab.cli.suggestions.places import (
    holds_runs,
    images_at,
    is_path,
    is_run,
    may_hold_images,
    newest_folder,
    run_of,
)
from vae_lab.config.aliases import (
    GROUPS,
    KEYS,
    REPETITIONS,
    compact,
    entry_of,
    key_spelled,
    option_meant,
    why_not_needed,
)
from vae_lab.config.compose import Composer
from vae_lab.config.known_keys import default_options, leaf_keys, options_by_key

# Flags -> whether a word of its own follows.
FLAGS = {
    flag: action.nargs != 0
    for action in argument_parser()._actions
    for flag in action.option_strings
}

# Flag here -> words for it.
_FLAG_WORDS = {
    "--help": "help usage h man list ls options keys",
    "--version": "version",
    DRY_RUN: "dry_run dryrun simulate preview",
    SWEEP: "sweep multirun grid gridsearch grid_search",
}

# Module of the package -> words for it.
_MODULES = {
    "evaluate": "evaluate eval test score",
    "report": "report compare",
    "board": "board tensorboard tb",
}

# Flags of other programs for what is a word here: `--set key=value`.
_OVERRIDE = "set d D o opt option options override overrides param params hparams".split()

# Between the name of a flag and its value.
_SIGN = re.compile("([=:])")

# Words for what the program does without a word.
_PROGRAM = "train fit run start main learn training vae_lab vae python"

_ONE_WORD = "a setting is one word, key=value, without blanks"


def mend_words(draft: Draft, composer: Composer) -> None:
    """Replaces what is not `key=value` by what it means."""
    _mend_flags(draft, composer)
    _split_settings(draft)
    _join_pieces(draft, composer)
    _mend_separators(draft)
    place = 0
    while place < len(draft.words) and not draft.module:
        word, length = draft.words[place], len(draft.words)
        if word.startswith("-"):
            place += 2 if FLAGS.get(word) else 1
            continue
        if "=" not in word and not word.startswith("~"):
            _mend_word(draft, place, composer)
        # One word may become several, or none.
        place += 1 + len(draft.words) - length


def _is_plain(word: str) -> bool:
    return "=" not in word and re.match(r"[^-~]|-[\d.]", word) is not None


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?[\d.]+(e-?\d+)?", word) is not None


def _mend_flags(draft: Draft, composer: Composer) -> None:
    place = 0
    while place < len(draft.words):
        word = draft.words[place]
        flag, sign, value = _SIGN.split(word, 1) if _SIGN.search(word) else (word, "", "")
        known = flag in FLAGS and (FLAGS[flag] or not sign)
        if known or not re.match(r"--?\w", flag) or _is_number(word):
            place += 2 if FLAGS.get(word) else 1
            continue
        name = flag.lstrip("-").replace("-", "_")
        following = [*takewhile(_is_plain, draft.words[place + 1 :])]
        if name in _OVERRIDE and not (sign or following):
            draft.replace(place, place + 1, [], "there is no flag ", word)
            continue
        if not _is_meant(name, composer):
            place += 1
            continue
        # Several numbers are a list; of other words the first is the value.
        numbers = [*takewhile(_is_number, following)]
        values = [value] if sign else numbers or following[:1]
        stop = place + 1 + (0 if sign else len(values))
        if (meant := entry_of(name, _FLAG_WORDS)) and (sign or not following):
            new = [meant, *[value] * bool(sign)]
        elif entry_of(name, _MODULES):
            new = [name, *values]
        else:
            text = f"[{','.join(values)}]" if len(values) > 1 else "".join(values) or "true"
            new = [f"{name}={text}"]
        draft.replace(place, stop, new, "there is no flag ", word)
        if new[0].startswith(f"{name}="):
            draft.flags.add(name)
        place += 1


def _is_meant(name: str, composer: Composer) -> bool:
    """Tells whether the name of a flag has a meaning here."""
    positive = name.removeprefix("no_")
    tables = (_FLAG_WORDS, _MODULES, REPETITIONS)
    known = _names_something(positive) or any(entry_of(name, table) for table in tables)
    option = option_named(positive, composer)
    return known or bool(option or why_not_needed(name) or key_spelled(name, leaf_keys()))


def _split_settings(draft: Draft) -> None:
    """Makes a word of each setting of `key=value,key=value`."""
    for place in reversed(range(len(draft.words))):
        word = draft.words[place]
        pieces = re.split(r"\s*[,;]\s*(?=[\w.+/-]+=)|\s+(?=[\w.+/-]+=)", word)
        keys = [piece.partition("=")[0].lstrip("+") for piece in pieces]
        if len(pieces) > 1 and all(map(_names_something, keys)):
            reason = f"'{word}' is several settings: write a word for each"
            draft.replace(place, place + 1, pieces, reason)


def _is_open(word: str) -> bool:
    """Tells whether a word begins a list or a mapping that it does not end."""
    value = word.partition("=")[2]
    return value[:1] in ("[", "{", "(") and sum(map(value.count, "[{(")) > sum(
        map(value.count, "]})")
    )


def _join_pieces(draft: Draft, composer: Composer) -> None:
    """Joins words that are pieces of one setting."""
    place = 0
    while place < len(draft.words):
        word = draft.words[place]
        following = draft.words[place + 1] if place + 1 < len(draft.words) else ""
        begins = "=" in word and (word.endswith(("=", ",")) or _is_open(word))
        is_rest = following != "" and _is_plain(following) and begins
        is_sign = following in ("=", ":", "==") or re.match(r"=[^=]", following) is not None
        if is_rest or (is_sign and _is_plain(word)):
            sign = "=" if following in (":", "==") else following
            # `[512 256]` is a list of two.
            is_next = _is_open(word) and word[-1] not in "[{(,=" and sign[0] not in ",]})"
            draft.replace(place, place + 2, [word + "," * is_next + sign], _ONE_WORD)
        elif (tidy := _tidy(word)) != word:
            draft.replace(place, place + 1, [tidy], _ONE_WORD)
        elif (between := _between(word, following, composer)) is not None:
            draft.replace(place, place + 2, [f"{word}{between}{following}"], _ONE_WORD)
        else:
            place += 1


def _between(word: str, following: str, composer: Composer) -> str | None:
    """Returns what stands between the pieces `key=one` and `another` of a setting, or None."""
    key, equals, value = word.partition("=")
    if not (equals and value and following) or word[0] in "-~" or not _is_plain(following):
        return None
    if _is_text(key):
        return None if option_named(following, composer) else " "
    group = key if composer.is_group(key) else entry_of(key, GROUPS)
    options = composer.options(group) if group else []
    is_option = group is not None and option_meant(group, following, options) is not None
    is_number = _is_number(following) and all(map(_is_number, value.split(",")))
    return "," if is_option or is_number else None


def _is_text(key: str) -> bool:
    """Tells whether the value of a key may have blanks."""
    return key.endswith(("path", "root", "dir", "name", "note"))


def _tidy(word: str) -> str:
    """Returns a setting without blanks around `=` and without a comma at its end."""
    parts = re.fullmatch(r"\s*([\w.+/-]+?)\s*=\s*(.*?)\s*[,;]?", word)
    return (
        word if parts is None or _is_text(parts[1]) or parts[2] == "" else f"{parts[1]}={parts[2]}"
    )


def _mend_separators(draft: Draft) -> None:
    """Replaces `key: value`, `key==value` and `key value`."""
    place = 0
    while place < len(draft.words):
        word = draft.words[place]
        following = draft.words[place + 1] if place + 1 < len(draft.words) else ""
        is_value = following != "" and _is_plain(following)
        parts = re.fullmatch(r"([\w.+/-]+?)(?:==|:=|=:|:)(.*)", word)
        if FLAGS.get(word):
            place += 1
        elif parts and _names_something(parts[1]) and (parts[2] or is_value):
            value = parts[2] or following
            stop = place + (1 if parts[2] else 2)
            draft.replace(place, stop, [f"{parts[1]}={value}"], f"{word} is not key=value")
        elif is_value and _is_number(following) and _names_something(word):
            numbers = [*takewhile(_is_number, draft.words[place + 1 :])]
            reason = f"'{' '.join([word, *numbers])}' is not key=value"
            new = [f"{word}={','.join(numbers)}"]
            draft.replace(place, place + 1 + len(numbers), new, reason)
        elif is_value and _is_plain(word) and _names_something(word) and not _is_command(word):
            reason = f"'{word} {following}' is not key=value"
            draft.replace(place, place + 2, [f"{word}={following}"], reason)
        place += 1


def _names_something(word: str) -> bool:
    """Tells whether a word is a key or a group, or another word for one."""
    keys = options_by_key()
    known = word in keys or word in GROUPS or word in default_options()
    ours = any(entry_of(word, table) is not None for table in (KEYS, GROUPS))
    return known or ours or (len(word) > 2 and any(compact(key) == compact(word) for key in keys))


def _is_command(word: str) -> bool:
    return any(entry_of(word, table) for table in (_MODULES, _FLAG_WORDS)) or _is_program(word)


def _is_program(word: str) -> bool:
    return compact(word) in map(compact, _PROGRAM.split()) or word.endswith(".py")


def _mend_word(draft: Draft, place: int, composer: Composer) -> None:
    """Replaces a word that stands by itself, if its meaning is known."""
    word = draft.words[place]
    reason = f"'{word}' is not key=value"
    if module := entry_of(word, _MODULES):
        _ask_module(draft, place, module)
    elif flag := entry_of(word, _FLAG_WORDS):
        draft.replace(place, place + 1, [flag], reason)
    elif _is_program(word) or why_not_needed(word):
        if compact(word) == compact(PROGRAM[-1]) and draft.words[place - 1 : place] == [SWEEP]:
            del draft.words[place - 1]  # that of `python -m`
            place -= 1
        draft.replace(place, place + 1, [], "python -m vae_lab trains without the word ", word)
    elif chosen := option_named(word, composer):
        draft.replace(place, place + 1, chosen.split(), reason)
    elif entry_of(word, GROUPS) in ("trainer", "logger"):
        draft.replace(place, place + 1, [f"{word}=true"], reason)
    elif is_path(word):
        _mend_path(draft, place)


def _mend_path(draft: Draft, place: int) -> None:
    """Replaces a path that stands by itself: a run, a sweep, images."""
    word = draft.words[place]
    reason = f"'{word}' is not key=value"
    if is_run(Path(word)):
        draft.replace(place, place + 1, [f"resume={run_of(Path(word))}"], reason)
    elif holds_runs(Path(word)):
        draft.module = "board"
        draft.give(reason)
    elif may_hold_images(word):
        draft.replace(place, place + 1, images_at(word), reason)


def _ask_module(draft: Draft, place: int, module: str) -> None:
    word = draft.words[place]
    rest = [each for i, each in enumerate(draft.words) if i != place and each != SWEEP]
    if not rest and module != "board":
        rest = [newest_folder() or "--help"]
    if module != "evaluate":
        rest = [each.partition("=")[2] or each for each in rest]  # `--logdir outputs`
    draft.words, draft.module = rest, module
    draft.give(f"'{word}' is a command of its own")
