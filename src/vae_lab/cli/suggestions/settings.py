"""Words `key=value`: keys, options and values that do not exist, and those that are meant."""

import re
from pathlib import Path

from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from vae_lab.cli.suggestions.draft import Assignment, Draft
from vae_lab.cli.suggestions.places import images_at, is_path, newest_folder, option_for, run_of
from vae_lab.config.aliases import (
    GROUPS,
    OPTIONS,
    PREFERRED,
    entry_of,
    key_meant,
    option_meant,
    value_meant,
    why_not_needed,
)
from vae_lab.config.check import requirement_broken, shown
from vae_lab.config.compose import Composer
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.known_keys import default_options, leaf_keys, options_by_key
from vae_lab.environment import lacks_accelerator
from vae_lab.errors import UserError, did_you_mean

UNKNOWN = "unknown key "
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "none", "null", "0")


def mend_settings(draft: Draft, composer: Composer) -> None:
    """Replaces keys, options and values that do not exist by those that are meant."""
    for mend in (_mend_key, _mend_option, _mend_value):
        # From the end, since one word may become several.
        for setting in reversed(draft.settings()):
            mend(draft, setting, composer)
    for setting in draft.settings():
        _add_option(draft, setting)
    for setting in draft.settings():
        _mend_device(draft, setting)
    _mend_sweep(draft, composer)


def _is_known(key: str, draft: Draft, composer: Composer) -> bool:
    """Tells whether a key exists, or may exist in a class or an option of the person's own."""
    whole = re.sub(r"\.\d+$", "", key)  # without a place in a list
    if whole in options_by_key() or key.startswith("hydra.") or "@" in key:
        return True
    if composer.is_group(key):
        return True
    top, dot, _ = key.partition(".")
    if not dot or not composer.is_group(top):
        return False
    ours = {option for options in options_by_key().values() for option in options}
    own_class = any(each.key.endswith("._target_") for each in draft.settings())
    option = draft.option(top)
    is_ours = option in default_options().values() or f"{top}={option}" in ours
    return own_class or not (is_ours or (option in composer.options(top) and top == "trainer"))


def _mend_key(draft: Draft, setting: Assignment, composer: Composer) -> None:
    place, _, key, value = setting
    if _is_known(key, draft, composer):
        return
    names = {*leaf_keys(), "hydra.run.dir"}
    if entry_of(key, {"sweep": "multirun sweep"}):
        del draft.words[place]
        draft.make_sweep()
        draft.give(UNKNOWN, key)
    elif meant := key_meant(key, names):
        draft.replace(place, place + 1, [f"{meant}={value}"], UNKNOWN, key)
    elif group := entry_of(key, GROUPS):
        new = _chosen(group, key, value, composer) or f"{group}={value}"
        draft.replace(place, place + 1, new.split(), UNKNOWN, key)
    elif why := why_not_needed(key):
        draft.replace(place, place + 1, [], UNKNOWN, f"{key} ({why})")
    elif meant := did_you_mean(key, names):
        draft.replace(place, place + 1, [f"{meant}={value}"], UNKNOWN, key)


def _chosen(group: str, key: str, value: str, composer: Composer) -> str | None:
    """Returns what `key=value` chooses, where the key is another word for a group."""
    if value in composer.options(group):
        return f"{group}={value}"
    by_value = entry_of(value, OPTIONS.get(group, {}))
    if by_value is None and value.lower() in _YES:
        return option_meant(group, key, composer.options(group))
    # `loss=mse` chooses a likelihood, not an objective.
    elsewhere = (entry_of(value, words) for words in OPTIONS.values())
    return by_value or next(filter(None, elsewhere), None)


def _mend_option(draft: Draft, setting: Assignment, composer: Composer) -> None:
    place, word, key, value = setting
    if not composer.is_group(key) or not value:
        return
    options = composer.options(key)
    listed = re.fullmatch(r"\[(.*)\]", value)
    pieces = [piece.strip(" '\"") for piece in re.split("[,;|]", listed[1] if listed else value)]
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
    chosen = ",".join(str(meant.get(piece, start + piece)).removeprefix(start) for piece in pieces)
    if (listed and key not in OPEN_GROUPS) or re.search("[;|]", value):
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
    found = [value_meant(key, value), f"[{value}]" if "," not in value else None]
    found += ["true" if value.lower() in _YES else None]
    found += [each for each in ("false", "null") if value.lower() in _NO]
    # 1e3, 5.0, 1_000 and 1,000 are whole numbers.
    number = re.sub(r"[_,](?=\d{3}\b)", "", value)
    if re.fullmatch(r"-?\d+(\.0*)?(e\d)?", number, re.IGNORECASE):
        found.append(str(int(float(number))))
    return [each for each in found if each is not None]


def _mend_run(draft: Draft, setting: Assignment) -> None:
    """Replaces a value of `resume` that is not a folder by that of the run that is meant."""
    place, _, key, value = setting
    path = Path(value)
    if path.is_file() or run_of(path) != path:
        draft.replace(place, place + 1, [f"{key}={run_of(path)}"], f"{value} is not a run's folder")
    elif value.lower() in (*_YES, "last", "latest", "auto") and (newest := newest_folder("runs")):
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
        draft.choose(group, option)
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
        text = f"{key}=[{value}]"
        as_list = _parsed(text, draft, composer)
        is_list = requirement_broken(key, value.split(",")[0]) and as_list is not None
        if is_list and not requirement_broken(key, as_list.value() if as_list else None):
            draft.replace(place, place + 1, [text], f"{reason}, a list has brackets")
        else:
            draft.make_sweep()
            draft.give(f"{reason}: add -m for a run of each")
            return
