"""The answer to a key that does not exist: the key that is probably meant."""

from collections.abc import Iterable, Mapping

from vae_lab.config.aliases import GROUPS, entry_of, key_meant, key_spelled, why_not_needed
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.known_keys import options_by_key
from vae_lab.config.rules import REMOVABLE
from vae_lab.errors import did_you_mean


def unknown_key(key: str, names: Iterable[str], choices: Mapping[str, str]) -> str:
    """Returns the line about a key that is not in `names`, with the options in `choices`."""
    names = set(names)
    start = f"unknown key {key}"
    if inside := sorted(name for name in names if name.startswith(f"{key}.")):
        removal = (
            f", or leave all of it out with ~{key}" if key.partition(".")[0] in REMOVABLE else ""
        )
        return f"{key} holds keys of its own: change one of them, as in {inside[-1]}=...{removal}."
    if meant := key_meant(key, names):
        return f"{start}: did you mean {meant}?"
    if (group := entry_of(key, GROUPS)) in choices:
        return f"{start}: did you mean {group}=OPTION, such as {group}={choices[str(group)]}?"
    if why := why_not_needed(key):
        return f"{start}: leave it out, since {why}."
    top, dot, _ = key.partition(".")
    in_group = {name for name in names if dot and top in choices and name.startswith(f"{top}.")}
    if in_group and (options := options_by_key().get(key)):
        return f"{start}: {top}={choices[top]} has none. Add {' or '.join(options)}."
    # Of the other groups those whose parts have no names of their own.
    elsewhere = {n for n in names if in_group and n.partition(".")[0] not in OPEN_GROUPS}
    spelled = key_spelled(key, names) or did_you_mean(key, in_group or names)
    if meant := spelled or did_you_mean(key, elsewhere):
        return f"{start}: did you mean {meant}?"
    where = f"{top}={choices[top]} has" if in_group else "the keys are"
    parts = {name.removeprefix(f"{top}.").partition(".")[0] for name in in_group or names}
    shown = ", ".join(sorted(parts - {"_target_"}))
    return f"{start}: {where} {shown or 'no keys to change'}."
