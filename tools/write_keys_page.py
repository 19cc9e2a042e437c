"""Writes docs/reference/keys.md: every key with its default, its values and its meaning.

    make keys-page

The meanings are the comments of conf/, the values the rules of src/vae_lab/config/. A test compares
the page with a fresh one.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vae_lab.config.descriptions import (
    ConfigGroup,
    ConfigKey,
    ConfigOption,
    Descriptions,
    KeyOfOptions,
    limits,
)
from vae_lab.config.trainer_rules import CALLBACK_RULES, REFUSED_TRAINER_ARGUMENTS
from vae_lab.evaluations import DEFAULTS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "keys.md"

INTRODUCTION = """\
# All keys

This page lists every group, option and key of a command line, with default, allowed values and
meaning.

```bash
python -m vae_lab data=digits model=linear model.hidden_dims=[256] optimizer.lr=3e-2
```

`group=option` chooses an option, `key=value` sets a key; [Configuration](configuration.md)
explains both. `python -m vae_lab --help model` explains a group on the terminal,
`--help optimizer.lr` a key. With `--config-dir` that includes your own options.

`make keys-page` writes this page. The meanings are the comments in `conf/`, the values the rules in
`src/vae_lab/config/`.
"""

REFUSED = """\
### Arguments of the Trainer that are refused

Lightning's Trainer has other arguments, which would have no effect here, or a wrong one. A command
line that sets one of them ends with an error.

"""


def page() -> str:
    """Returns the page."""
    descriptions = Descriptions()
    groups = [*descriptions.groups.values()]
    sections = [
        INTRODUCTION,
        "## Groups\n\n" + "\n".join(overview(groups)) + "\n",
        "## Keys without a group\n\n" + "\n".join(keys(descriptions.top_level())) + "\n",
        *(section(descriptions, group) for group in groups),
        "## Folders and logs\n\n"
        + "\n".join(keys(descriptions.option("hydra", "default").keys))
        + "\n",
        "## Keys of an evaluation\n\n"
        "Keys of `python -m vae_lab.evaluate RUN_FOLDER key=value`. [Metrics](metrics.md) explains "
        "the results.\n\n" + "\n".join(keys(descriptions.settings(*DEFAULTS))) + "\n",
    ]
    return "\n".join(sections)


def overview(groups: Sequence[ConfigGroup]) -> list[str]:
    """Returns the lines of the table of groups."""
    rows = [
        (f"[{group.name}](#{anchor(group.name)})", f"`{group.default}`", text(group.sentence))
        for group in groups
    ]
    return table(("group", "default", "what it decides"), rows)


def section(descriptions: Descriptions, group: ConfigGroup) -> str:
    """Returns the section of a group: its options, their limits, their keys."""
    options = [descriptions.option(group.name, name) for name in group.options]
    lines = [f"## {group.name}", "", text(group.sentence), ""]
    lines += table(("option", "what it is"), [(f"`{it.name}`", about(it)) for it in options])
    if found := [(it.name, limit) for it in options for limit in limits(group.name, it.name)]:
        lines += ["", "What cannot be combined:", ""]
        lines += [f"- `{group.name}={name}`: {text(limit)}" for name, limit in found]
    if any(option.parts for option in options):
        for option in options:
            if option.keys:
                lines += ["", f"### {group.name}={option.name}", "", *keys(option.keys)]
    elif rows := descriptions.rows(group.name):
        lines += ["", *table(("key", "options", "default", "value", "meaning"), of(rows, group))]
    if group.name == "callbacks":
        lines += [
            "",
            f"Another callback must be {text(CALLBACK_RULES[0].requirement)}.",
        ]
    if group.name == "trainer":
        refused = [
            (f"`trainer.{name}`", text(why)) for name, why in REFUSED_TRAINER_ARGUMENTS.items()
        ]
        lines += ["", REFUSED + "\n".join(table(("argument", "why, and what to do"), refused))]
    return "\n".join(lines) + "\n"


def about(option: ConfigOption) -> str:
    """Returns the text about an option; of a recipe the first line, for it has tables."""
    if option.group == "experiment":
        return f"{text(option.sentence)} Results: the head of `conf/experiment/{option.name}.yaml`."
    return text(" ".join(option.header)) or "Hydra's own option."


def of(rows: Iterable[KeyOfOptions], group: ConfigGroup) -> Iterator[tuple[str, ...]]:
    """Yields the rows of the table of a group's keys."""
    for row in rows:
        some = len(row.defaults) < len(group.options)
        options = ", ".join(f"`{name}`" for name in row.defaults) if some else "all"
        yield f"`{row.name}`", options, row.default(code), text(row.values), text(row.meaning)


def keys(described: Iterable[ConfigKey]) -> list[str]:
    """Returns the lines of a table of keys."""
    rows = [
        (f"`{it.name}`", code(it.default), text(it.values), text(it.meaning)) for it in described
    ]
    return table(("key", "default", "value", "meaning"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Returns the lines of a table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in cells]


def code(words: str) -> str:
    """Returns a value as code; a bar would end the cell of a table."""
    return f"`{words}`".replace("|", r"\|")


def text(words: str) -> str:
    """Returns words without what Markdown would read as its own, with links to papers."""
    plain = re.sub(r"[<|$*]", lambda found: f"\\{found[0]}", words)
    pages = re.sub(r"docs/[\w/-]+\.md", lambda found: link(found[0]), plain)
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", pages)


def link(name: str) -> str:
    """Returns a link to a page of docs/, relative to this one, by the page's title."""
    title, _, _ = (PAGE.parents[2] / name).read_text(encoding="utf-8").partition("\n")
    return f"[{title.lstrip('# ')}]({os.path.relpath(name, 'docs/reference')})"


def anchor(heading: str) -> str:
    """Returns the anchor of a heading, as code-hosting sites make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
