"""Words `key=value`: keys, options and values that do not exist, and those that are meant."""

import re
from pathlib import Path

from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from vae_lab.cli.suggestions.draft import Assignment, Draft
from vae_lab.cli.suggestions.keys import beside_the_default, mend_key
from vae_lab.cli.suggestions.places import (
    folder_of_images,
    images_at,
    is_path,
    newest_folder,
    option_for,
    run_of,
)
from vae_lab.config.aliases import NO, PREFERRED, YES, option_meant, value_meant
from vae_lab.config.check import requirement_broken, shown
from vae_lab.config.compose import Composer
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.known_keys import options_by_key
from vae_lab.environment import lacks_accelerator
from vae_lab.errors import UserError

# What stands between options in one word.
_BETWEEN = r"\s*[,;|]\s*|\s+"


# A piece of a list, in whatever brackets and with whatever between.
_PIECE = r"[^\s,;\[\](){}'\"]+"

# The signs that a page shows for a minus.
_MINUS = {0x2212: "-", 0x2013: "-"}


def mend_settings(draft: Draft, composer: Composer) -> None:
    """Replaces keys, options and values that do not exist by those that are meant."""
    for mend in (mend_key, _mend_option, _mend_value):
        # From the end, since one word may become several.
        for setting in reversed(draft.settings()):
            mend(draft, setting, composer)
    draft.drop_repeated()
    for setting in draft.settings():
        _add_option(draft, setting)
    for setting in draft.settings():
        _mend_device(draft, setting)
    _mend_sweep(draft, composer)


def _mend_option(draft: Draft, setting: Assignment, composer: Composer) -> None:
    place, word, key, value = setting
    if not composer.is_group(key) or not value:
        return
    options = composer.options(key)
    listed = re.fullmatch(r"\[(.*)\]", value)
    pieces = [piece.strip(" '\"") for piece in re.split(_BETWEEN, listed[1] if listed else value)]
    reason = f"{key}={{}} does not exist: choose from {', '.join(options)}"
    if key == "data" and value not in options and is_path(value):
        draft.replace(place, place + 1, images_at(value), reason.format(value))
        return
    wrong = [piece for piece in pieces if piece not in options]
    meant = {piece: option_meant(key, piece, options) for piece in wrong}
    if len(pieces) == 1 and wrong and (new := meant[wrong[0]]):
        draft.replace(place, place + 1, new.split(), reason.format(wrong[0]))
        return
    start = f"{key}="
    if any(new is None or not new.startswith(start) or " " in new for new in meant.values()):
        return
    named = (str(meant.get(piece, start + piece)).removeprefix(start) for piece in pieces)
    chosen = ",".join(dict.fromkeys(named))  # two words may mean one option
    if key not in OPEN_GROUPS and (listed or re.search(r"[;|\s]", value)):
        draft.replace(place, place + 1, [f"{key}={chosen}"], f"{word} is not one option")
        draft.make_sweep()
    elif wrong:
        new = f"{key}=[{chosen}]" if listed else f"{key}={chosen}"
        draft.replace(place, place + 1, [new], reason.format(wrong[0]))


def _parsed(word: str, draft: Draft, composer: Composer) -> Override | None:
    try:
        (override,) = composer.parse([word], sweep=draft.is_sweep)
    except UserError:
        return None
    return override


def _mend_value(draft: Draft, setting: Assignment, composer: Composer) -> None:
    place, word, key, value = setting
    if key == "resume":
        _mend_run(draft, setting)
        return
    if key == "data.path" and (folder := folder_of_images(value)) != value:
        draft.replace(place, place + 1, [f"{key}={folder}"], f"{value} is not a folder")
        return
    override = _parsed(word, draft, composer)
    if override is None or override.is_sweep_override() or composer.is_group(key):
        return
    given = override.value()
    requirement = requirement_broken(key, given)
    if requirement is None:
        return
    reason = f"{key} must be {requirement}, got {shown(given)}"
    if (
        isinstance(given, list)
        and given
        and not any(requirement_broken(key, each) for each in given)
    ):
        draft.replace(place, place + 1, [f"{key}={value.strip('[]')}"], reason)
        draft.make_sweep()
        return
    for text in _other_values(key, value):
        other = _parsed(f"{key}={text}", draft, composer)
        if other and not other.is_sweep_override() and not requirement_broken(key, other.value()):
            draft.replace(place, place + 1, [f"{key}={text}"], reason)
            return
    example = _default(key, draft, composer) if _is_word(given) else None
    if example is not None:
        draft.replace(place, place + 1, [f"{key}={example}"], reason)
        draft.is_example = True


def _is_word(value: object) -> bool:
    return isinstance(value, str) and "${" not in value


def _default(key: str, draft: Draft, composer: Composer) -> str | None:
    """Returns the default of a key with the options that are chosen, as it is written."""
    groups = [each.word for each in draft.settings() if composer.is_group(each.key)]
    lines = [str(override.input_line) for override in composer.parse(groups, sweep=True)]
    if "," in "".join(lines):
        return None  # a sweep over options
    value = composer.job(lines, RunMode.RUN).composition.defaults.get(key)
    return None if value is None else shown(value).strip("'")


def _other_values(key: str, value: str) -> list[str]:
    """Returns what a value may mean that breaks a rule, the likeliest first."""
    found = [
        value_meant(key, value),
        value.strip("'\""),
        f"[{','.join(re.findall(_PIECE, value))}]",
        value.translate(_MINUS),
    ]
    found += ["true" if value.lower() in YES else None]
    found += [each for each in ("false", "null") if value.lower() in NO]
    # 1e3, 5.0, 1_000 and 1,000 are whole numbers.
    number = re.sub(r"[_,](?=\d{3}\b)", "", value)
    if re.fullmatch(r"-?\d{1,15}(\.0*)?(e\d)?", number, re.IGNORECASE):
        found.append(str(int(float(number))))
    if key.endswith("name"):
        found.append(re.sub(r"[^\w.+-]+", "-", value.strip(" '\"")))
    return [each for each in found if each is not None]


def _mend_run(draft: Draft, setting: Assignment) -> None:
    """Replaces a value of `resume` that is not a folder by that of the run that is meant."""
    place, _, key, value = setting
    path = Path(value)
    if path.is_file() or run_of(path) != path:
        draft.replace(place, place + 1, [f"{key}={run_of(path)}"], f"{value} is not a run's folder")
    elif value.lower() in (*YES, "last", "latest", "auto") and (newest := newest_folder("runs")):
        draft.replace(place, place + 1, [f"{key}={newest}"], f"{value} is not a run's folder")


def _add_option(draft: Draft, setting: Assignment) -> None:
    """Chooses the option that has a key, if no option is chosen and the default lacks the key."""
    group, _, name = setting.key.partition(".")
    options = options_by_key().get(setting.key, [])
    has_class = any(each.key == f"{group}._target_" for each in draft.settings())
    if not name or not options or draft.chooses(group) or has_class:
        return
    if f"{group}={draft.option(group)}" in options:
        return
    option = options[0].partition("=")[2] if len(options) == 1 else PREFERRED.get(setting.key)
    if setting.key == "data.path":
        option = option_for(setting.value)
    if option:
        draft.choose(group, beside_the_default(group, option))
        names = [each.partition("=")[2] for each in options]
        draft.give(f"{setting.key} belongs to {group}={' or '.join(names)}")


def _mend_device(draft: Draft, setting: Assignment) -> None:
    """Chooses the best device there is, if one is asked for that this machine lacks."""
    devices = {"trainer": ("gpu",), "trainer.accelerator": ("gpu", "cuda", "mps")}
    if setting.value not in devices.get(setting.key, ()) or not lacks_accelerator(setting.value):
        return
    if draft.option("trainer") in ("default", "gpu", "auto"):
        draft.words = [word for word in draft.words if word != setting.word]
        draft.choose("trainer", "auto")
        draft.give(f"{setting.word} needs a device that this machine does not show")


def _mend_sweep(draft: Draft, composer: Composer) -> None:
    """Adds the flag of a sweep, or the brackets of a list."""
    for place, word, key, value in draft.settings():
        if draft.is_sweep:
            return
        override = _parsed(word, draft, composer)
        if override is None or not override.is_sweep_override():
            continue
        reason = f"{word} names several values"
        if _is_list(key, value, draft, composer):
            new = f"{key}=[{value}]"
            draft.replace(place, place + 1, [new], f"{reason}, a list has brackets")
        elif number := _decimal(key, value):
            draft.replace(place, place + 1, [f"{key}={number}"], f"{reason}, a number has a point")
        else:
            draft.make_sweep()
            draft.give(f"{reason}: {draft.to_sweep} for a run of each")
            return


def _is_list(key: str, value: str, draft: Draft, composer: Composer) -> bool:
    """Tells whether several values are one list, not a run of each."""
    as_list = _parsed(f"{key}=[{value}]", draft, composer)
    if as_list is None or key in OPEN_GROUPS:
        return as_list is not None
    return not requirement_broken(key, as_list.value()) and bool(
        requirement_broken(key, value.split(",")[0])
    )


def _decimal(key: str, value: str) -> str | None:
    """Returns `0,001` with a point, if 0 by itself is not allowed."""
    if re.fullmatch(r"0,\d+", value) and requirement_broken(key, 0):
        return value.replace(",", ".")
    return None
