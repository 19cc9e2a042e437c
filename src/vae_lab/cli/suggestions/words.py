"""Words that are not `key=value`, and what they mean: flags, blanks, commands, options, folders."""

import re
from itertools import takewhile
from pathlib import Path

from hydra._internal.utils import get_args_parser

from vae_lab.cli.suggestions.draft import SWEEP, Draft
from vae_lab.cli.suggestions.places import (
    holds_runs,
    images_at,
    is_path,
    is_run,
    newest_folder,
    run_of,
)
from vae_lab.config.aliases import GROUPS, KEYS, OPTIONS, compact, entry_of, why_not_needed
from vae_lab.config.compose import Composer
from vae_lab.config.known_keys import default_options, leaf_keys, options_by_key
from vae_lab.errors import did_you_mean

# Hydra's flags -> whether a word of its own follows.
FLAGS = {
    flag: action.nargs != 0
    for action in get_args_parser()._actions
    for flag in action.option_strings
}

# Flag here -> words for it.
_FLAG_WORDS = {
    "--help": "help usage h man list ls options keys",
    "--version": "version",
    SWEEP: "sweep multirun grid gridsearch grid_search",
}

# Module of the package -> words for it.
_MODULES = {
    "evaluate": "evaluate eval test score",
    "report": "report compare",
    "board": "board tensorboard tb",
}

# Words for what the program does without a word.
_PROGRAM = "train fit run start main learn training vae_lab vae python"

_ONE_WORD = "a setting is one word, key=value, without blanks"


def mend_words(draft: Draft, composer: Composer) -> None:
    """Replaces what is not `key=value` by what it means."""
    _mend_flags(draft)
    _join_pieces(draft)
    _mend_separators(draft)
    place = 0
    while place < len(draft.words):
        word = draft.words[place]
        if word.startswith("-"):
            place += 2 if FLAGS.get(word) else 1
            continue
        if "=" not in word and not word.startswith("~"):
            _mend_word(draft, place, composer)
        place += 1


def _is_plain(word: str) -> bool:
    return "=" not in word and re.match(r"[^-~]|-[\d.]", word) is not None


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?[\d.]+(e-?\d+)?", word) is not None


def _mend_flags(draft: Draft) -> None:
    place = 0
    while place < len(draft.words):
        word = draft.words[place]
        flag, equals, value = word.partition("=")
        known = flag in FLAGS and (FLAGS[flag] or not equals)
        if known or not flag.startswith("-") or _is_number(word):
            place += 2 if FLAGS.get(word) else 1
            continue
        name = flag.lstrip("-").replace("-", "_")
        if not _is_meant(name):
            place += 1
            continue
        following = [*takewhile(_is_plain, draft.words[place + 1 :])]
        # Several numbers are a list; of other words the first is the value.
        numbers = [*takewhile(_is_number, following)]
        values = [value] if equals else numbers or following[:1]
        stop = place + 1 + (0 if equals else len(values))
        if (meant := entry_of(name, _FLAG_WORDS)) and (equals or not following):
            new = [meant, *[value] * bool(equals)]
        elif entry_of(name, _MODULES):
            new = [name, *values]
        else:
            text = f"[{','.join(values)}]" if len(values) > 1 else "".join(values) or "true"
            new = [f"{name}={text}"]
        draft.replace(place, stop, new, "there is no flag ", word)
        if new[0].startswith(f"{name}="):
            draft.flags.add(name)
        place += 1


def _is_meant(name: str) -> bool:
    """Tells whether the name of a flag has a meaning here."""
    tables = (_FLAG_WORDS, _MODULES)
    known = _names_something(name) or any(entry_of(name, table) for table in tables)
    return known or bool(why_not_needed(name) or did_you_mean(name, leaf_keys()))


def _is_open(word: str) -> bool:
    """Tells whether a word begins a list or a mapping that it does not end."""
    value = word.partition("=")[2]
    return value[:1] in ("[", "{", "(") and sum(map(value.count, "[{(")) > sum(
        map(value.count, "]})")
    )


def _join_pieces(draft: Draft) -> None:
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
            draft.replace(place, place + 2, [word + sign], _ONE_WORD)
        elif (tidy := _tidy(word)) != word:
            draft.replace(place, place + 1, [tidy], _ONE_WORD)
        else:
            place += 1


def _tidy(word: str) -> str:
    """Returns a setting without blanks around `=` and without a comma at its end."""
    parts = re.fullmatch(r"\s*([\w.+/-]+?)\s*=\s*(.*?)\s*[,;]?", word)
    is_text = parts is not None and parts[1].endswith(("path", "root", "dir", "name"))
    return word if parts is None or is_text or parts[2] == "" else f"{parts[1]}={parts[2]}"


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
    return compact(word) in map(compact, _PROGRAM.split())


def _mend_word(draft: Draft, place: int, composer: Composer) -> None:
    """Replaces a word that stands by itself, if its meaning is known."""
    word = draft.words[place]
    reason = f"'{word}' is not key=value"
    if module := entry_of(word, _MODULES):
        _ask_module(draft, place, module)
    elif flag := entry_of(word, _FLAG_WORDS):
        draft.replace(place, place + 1, [flag], reason)
    elif _is_program(word) or why_not_needed(word):
        draft.replace(place, place + 1, [], "python -m vae_lab trains without the word ", word)
    elif chosen := _option(word, composer):
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
    else:
        draft.replace(place, place + 1, images_at(word), reason)


def _ask_module(draft: Draft, place: int, module: str) -> None:
    word = draft.words[place]
    rest = [each for i, each in enumerate(draft.words) if i != place and each != SWEEP]
    if not rest and module != "board":
        rest = [newest_folder() or "--help"]
    draft.words, draft.module = rest, module
    draft.give(f"'{word}' is a command of its own")


def _option(word: str, composer: Composer) -> str | None:
    """Returns what chooses the option that a word names, if one group has it."""
    groups = [group for group in default_options() if word in composer.options(group)]
    if len(groups) == 1:
        return f"{groups[0]}={word}"
    found = {chosen for words in OPTIONS.values() if (chosen := entry_of(word, words))}
    return found.pop() if len(found) == 1 and not groups else None
