"""Keys that do not exist, and the settings that are meant."""

import re

from vae_lab.cli.suggestions.draft import Assignment, Draft
from vae_lab.config.aliases import (
    GROUPS,
    NO,
    OPTION_WORDS,
    OPTIONS,
    REPETITIONS,
    YES,
    compact,
    entry_of,
    key_meant,
    key_spelled,
    option_meant,
    why_not_needed,
)
from vae_lab.config.compose import Composer
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.known_keys import default_options, leaf_keys, options_by_key
from vae_lab.errors import did_you_mean

_UNKNOWN = "unknown key "


def mend_key(draft: Draft, setting: Assignment, composer: Composer) -> None:
    """Replaces a key that does not exist, with its value, by the settings that are meant."""
    place, _, key, value = setting
    if _is_known(key, draft, composer):
        return
    if entry_of(key, {"sweep": "multirun sweep"}):
        del draft.words[place]
        draft.make_sweep()
        draft.give(_UNKNOWN, key)
    elif new := _meant(key, value, draft, composer):
        draft.replace(place, place + 1, new, _UNKNOWN, key)
    elif why := why_not_needed(key):
        draft.replace(place, place + 1, [], _UNKNOWN, f"{key} ({why})")
    elif meant := key_spelled(key, _names()) or did_you_mean(key, _names()):
        draft.replace(place, place + 1, [f"{meant}={value}"], _UNKNOWN, key)


def option_named(word: str, composer: Composer) -> str | None:
    """Returns what chooses the option that a word names, if one group has it."""
    groups = [group for group in default_options() if word in composer.options(group)]
    if len(groups) == 1:
        return f"{groups[0]}={word}"
    chosen = {new for words in OPTIONS.values() if (new := entry_of(word, words))}
    return chosen.pop() if len(chosen) == 1 and not groups else None


def beside_the_default(group: str, option: str) -> str:
    """Returns the value that chooses an option: of several callbacks, beside those by default."""
    return f"[{default_options()[group]},{option}]" if group == "callbacks" else option


def _names() -> set[str]:
    return {*leaf_keys(), "hydra.run.dir"}


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


def _meant(key: str, value: str, draft: Draft, composer: Composer) -> list[str]:
    """Returns the settings that `key=value` means, the likeliest meaning first; [] for none."""
    if (positive := re.sub(r"^no[_-]", "", key)) != key and value.lower() in YES:
        key, value = positive, "false"
    if (group := key.rstrip("+")) != key and group in OPEN_GROUPS:
        chosen = str(draft.option(group)).strip("[]")
        return [f"{group}=[{chosen},{value.strip('[]')}]"]
    top, _, name = key.partition(".")
    group = top if composer.is_group(top) else str(entry_of(top, GROUPS))
    if entry_of(name, {"option": f"{OPTION_WORDS} {group} {GROUPS.get(group, '')}"}):
        options = composer.options(group) if composer.is_group(group) else []
        if new := option_meant(group, value, options):
            return new.split()
    if (repeated := entry_of(key, REPETITIONS)) and re.fullmatch(r"\d+", value):
        return [f"{repeated}=range({value})"]
    if meant := key_meant(key, _names()):
        return [f"{meant}={value}"]
    if meant := entry_of(key, GROUPS):
        return _chosen(meant, key, value, composer) or [f"{meant}={value}"]
    if value.lower() in YES and (new := option_named(key, composer)):
        group, _, option = new.partition("=")
        return [f"{group}={beside_the_default(group, option)}"] if " " not in new else new.split()
    return []


def _chosen(group: str, key: str, value: str, composer: Composer) -> list[str]:
    """Returns what `key=value` chooses, if the key is another word for a group."""
    if value in composer.options(group):
        return [f"{group}={value}"]
    # `gpu=0` is the first device, `use_gpu=0` and `gpus=0` are none; `gpus=2` are two.
    is_count = group == "trainer" and compact(key).endswith("s")
    if is_count and re.fullmatch(r"[1-9]\d*", value) and value != "1":
        return ["trainer=ddp", "trainer.accelerator=gpu", f"trainer.devices={value}"]
    if value == "0" and (is_count or compact(key).startswith("use")):
        value = "false"
    by_value = entry_of(value, OPTIONS.get(group, {}))
    if by_value is None and value.lower() in YES:
        by_value = option_meant(group, key, composer.options(group))
    # `loss=mse` chooses a likelihood, not an objective. Yes and no are said of any group.
    tables = () if value.lower() in (*YES, *NO) else OPTIONS.values()
    elsewhere = (entry_of(value, words) for words in tables)
    return str(by_value or next(filter(None, elsewhere), "")).split()
