"""The texts of `--help`: what there is, and what each group, option and key means."""

import re
from collections.abc import Sequence

from vae_lab.config.aliases import GROUPS, entry_of, key_meant
from vae_lab.config.descriptions import (
    ConfigGroup,
    ConfigKey,
    ConfigOption,
    Descriptions,
    KeyOfOptions,
    limits,
)
from vae_lab.errors import UserError, did_you_mean
from vae_lab.help_layout import page, paragraph, table

# The columns in which texts beside the names of groups, of keys and of the rest begin.
_GROUPS, _KEYS, _REST = 18, 20, 27

_EXAMPLES = {
    "python -m vae_lab data=digits": "train a model; no download",
    "python -m vae_lab model=conv latent_dim=10": "another network, Z = 10",
    "python -m vae_lab -m latent_dim=2,10 seed=0,1,2": "a sweep: six combinations",
    "python -m vae_lab resume=outputs/runs/NAME": "resume an interrupted run",
}

_MORE = {
    "--help model": "what a group has; --help model=conv: an option",
    "--dry-run": "the runs of a command line, and about how long they take; nothing is done",
    "--config-dir DIR": "your own options: DIR/model/mine.yaml: model=mine",
    "vae-lab COMMAND --help": (
        "apply board compare evaluate explore export query report schema watch"
    ),
    "docs/reference/keys.md": "all keys with their ranges; docs/index.md: the rest",
}


def overview(descriptions: Descriptions) -> str:
    """Returns the help without a topic: groups and their options, keys, examples."""
    groups = [line for group in descriptions.groups.values() for line in _summary(group)]
    keys = [(key.name, first_sentence(key.meaning)) for key in descriptions.top_level()]
    return page(
        "python -m vae_lab [-m] [--json] [group=option ...] [key=value ...]",
        "Trains variational auto-encoders, compares them, and shows what they learned.",
        _EXAMPLES,
        {
            "Groups: choose with group=option. The first option is the default.": groups,
            "Keys: set with key=value. Each group has more.": table(keys, left=_KEYS),
            "More": table(_MORE.items(), left=_REST),
        },
    )


def _summary(group: ConfigGroup) -> list[str]:
    options = ", ".join([*(["null"] * (group.default == "null")), *group.options])
    lines = table([(group.name, group.sentence)], left=_GROUPS)
    # A single option is not a choice.
    if len(group.options) == 1 and group.default != "null":
        return lines
    # On the same line if there is room.
    joined = table([(group.name, f"{group.sentence} Options: {options}")], left=_GROUPS)
    return joined if len(joined) == len(lines) else [*lines, *paragraph(options, indent=_GROUPS)]


def first_sentence(text: str) -> str:
    """Returns a text up to its first full stop before a blank."""
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def topic(descriptions: Descriptions, words: str) -> str:
    """Returns what a group, an option or a key means.

    Raises:
        UserError: there is none of this name; the line names the choices.
    """
    name, _, value = words.lstrip("+~").partition("=")
    groups = descriptions.groups
    for group in groups.values():
        if name in (group.name, group.folder, group.prefix):
            return _of_group(descriptions, group, re.findall(r"\w+", value))
    rows = [row for group in groups for row in descriptions.rows(group)]
    rows += [KeyOfOptions.of(key) for key in descriptions.top_level()]
    exact = [row for row in rows if f"{row.name}.".startswith(f"{name}.")]
    options = [(group, name) for group in groups if name in groups[group].options]
    if not exact and options:
        return "\n\n".join(_of_option(descriptions.option(*option)) for option in options)
    found = exact or [row for row in rows if row.name.rpartition(".")[2] == name]
    if not found:
        raise UserError(_unknown(name, [*groups, *(row.name for row in rows)], groups))
    return "\n".join(_lines(found, groups))


def _of_group(descriptions: Descriptions, group: ConfigGroup, options: Sequence[str]) -> str:
    """Returns the help of a group, or that of options of it."""
    for option in set(options) - {*group.options}:
        choices = ", ".join(group.options)
        raise UserError(f"{group.name}={option} does not exist: choose from {choices}.")
    if options:
        return "\n\n".join(_of_option(descriptions.option(group.name, name)) for name in options)
    named = [descriptions.option(group.name, name) for name in group.options]
    rows = descriptions.rows(group.name)
    lines = [f"{group.name}: {group.sentence}", ""]
    lines += [f"Options: choose with {group.name}=OPTION. The default is {group.default}."]
    lines += table([(option.name, option.sentence or "Hydra's own option.") for option in named])
    lines += ["", f"An option in detail: --help {group.name}={group.options[-1]}"]
    if rows and not any(option.parts for option in named):
        lines += ["", "Keys", *_lines(rows, {group.name: group})]
    return "\n".join(lines)


def _of_option(option: ConfigOption) -> str:
    lines = [f"{option.group}={option.name}", ""]
    # A recipe's header has tables.
    has_tables = any(line.startswith("  ") for line in option.header)
    lines += option.header if has_tables else paragraph(" ".join(option.header))
    if option.parts:
        lines += ["", *paragraph(f"Consists of: {', '.join(option.parts)}.")]
        lines += [f"One of them in detail: --help {option.group}={option.parts[-1]}"]
    for limit in limits(option.group, option.name):
        lines += ["", *paragraph(limit)]
    if option.keys and not has_tables:
        lines += ["", "Keys", *_lines([KeyOfOptions.of(key) for key in option.keys], {})]
    return "\n".join(lines)


def _lines(rows: Sequence[KeyOfOptions], groups: dict[str, ConfigGroup]) -> list[str]:
    """Returns the lines about keys: name, meaning, default, range."""
    lines: list[str] = []
    for row in rows:
        lines += [f"  {row.name}", *paragraph(row.meaning, indent=6)]
        facts = f"Default: {row.default()}. Value: {row.values}."
        lines += paragraph(facts, indent=6)
        if row.group in groups and len(row.defaults) < len(groups[row.group].options):
            lines += paragraph(f"Only with {row.group}={', '.join(row.defaults)}.", indent=6)
    return lines


def settings_help(keys: Sequence[ConfigKey]) -> list[str]:
    """Returns lines about keys that belong to no group: key=default and a sentence each."""
    return table([(f"{key.name}={key.default}", first_sentence(key.meaning)) for key in keys])


def setting_topic(keys: Sequence[ConfigKey], words: str) -> str:
    """Returns what one of such keys means; UserError if there is none of this name."""
    name = words.partition("=")[0]
    found = [KeyOfOptions.of(key) for key in keys if key.name == name]
    if not found:
        choices = ", ".join(key.name for key in keys)
        raise UserError(f"there is no help about {name}: choose from {choices}.")
    return "\n".join(_lines(found, {}))


def _unknown(name: str, names: Sequence[str], groups: dict[str, ConfigGroup]) -> str:
    """Returns the line about a word that is neither a group nor an option nor a key."""
    meant = key_meant(name, names) or entry_of(name, GROUPS)
    if meant := meant or did_you_mean(name, names):
        return f"there is no help about {name}: did you mean {meant}?"
    choices = ", ".join(groups)
    return (
        f"there is no help about {name}: choose a group ({choices}), group=option, or a key such "
        f"as latent_dim or trainer.max_epochs."
    )
