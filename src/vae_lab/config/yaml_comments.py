"""The comments of a YAML file, as the meaning of its keys.

A comment belongs to the key that it stands above or behind. The comment that opens a file describes
the file. A key that stands inside a comment, as in `# max_steps: -1  # the limit of steps`, can be
set too; its value is the default of whoever reads it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

# A comment, and a key that stands inside one: its name, its value, its meaning.
_COMMENT = re.compile(r"\s*#\s?(.*)")
_INSIDE = re.compile(r"\s*# ([a-z][\w/.]*): (\S+)  # (.+)")


class YamlKey(NamedTuple):
    """A key with the text of its value, and its meaning, which is empty without a comment."""

    name: str  # with dots, such as encoder.hidden_dims
    value: str
    meaning: str


class CommentedFile(NamedTuple):
    """What a YAML file says: about itself, its defaults list, its keys, and keys it leaves out."""

    header: list[str]
    is_recipe: bool  # sets keys of any group
    included: list[YamlKey]  # Hydra's defaults list: groups and options, or options of this group
    entries: list[YamlKey]
    left_out: list[YamlKey]


def read_comments(path: Path) -> CommentedFile:
    """Returns the keys of a YAML file and their comments.

    A mapping with a comment is one entry; another mapping is read key by key.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    length = next((n for n, line in enumerate(lines) if line[:1] != "#"), len(lines))
    header = [line.removeprefix("#").removeprefix(" ") for line in lines[:length]]
    is_recipe = bool(header) and header[0] == "@package _global_"
    file = _File(text, lines, length)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    included = [
        entry for key, value in pairs if key.value == "defaults" for entry in file.items(value)
    ]
    entries = [
        entry
        for key, value in pairs
        if key.value != "defaults"
        for entry in file.walk("", key, value)
    ]
    left_out = [YamlKey(*found.groups()) for line in lines if (found := _INSIDE.fullmatch(line))]
    return CommentedFile(header[is_recipe:], is_recipe, included, entries, left_out)


class _File(NamedTuple):
    text: str
    lines: list[str]
    header_length: int

    def walk(self, prefix: str, key: yaml.Node, value: yaml.Node) -> Iterator[YamlKey]:
        """Yields a key, or, of a mapping without a comment, the keys in it."""
        name, meaning = f"{prefix}{key.value}", self.meaning(key, value)
        if isinstance(value, yaml.MappingNode) and value.value and not meaning:
            for inner, content in value.value:
                yield from self.walk(f"{name}.", inner, content)
        else:
            yield YamlKey(name, self.source(value), meaning)

    def items(self, value: yaml.Node) -> Iterator[YamlKey]:
        """Yields the items of a defaults list: `group: option`, or an option's name."""
        for item in value.value:
            if isinstance(item, yaml.MappingNode):
                ((key, option),) = item.value
                yield YamlKey(key.value, self.source(option), self.meaning(key, option))
            else:
                yield YamlKey(item.value, "", self.meaning(item, item))

    def source(self, value: yaml.Node) -> str:
        """Returns a value as it is written, so that 1e-2 stays 1e-2; of a block, what it holds."""
        if isinstance(value, yaml.CollectionNode) and not value.flow_style:
            if isinstance(value, yaml.MappingNode):
                return "{...}"
            return f"[{', '.join(map(self.source, value.value))}]"
        return " ".join(self.text[value.start_mark.index : value.end_mark.index].split())

    def meaning(self, key: yaml.Node, value: yaml.Node) -> str:
        """Returns the comment above a key and the one behind it."""
        above: list[str] = []
        number = key.start_mark.line - 1
        while number >= self.header_length and (comment := _COMMENT.fullmatch(self.lines[number])):
            if _INSIDE.fullmatch(self.lines[number]):
                break
            above.insert(0, comment[1])
            number -= 1
        # The end of a block of lines is where the next key begins.
        flows = (
            value.flow_style
            if isinstance(value, yaml.CollectionNode)
            else (value.style or "") not in ("|", ">")
        )
        end = value.end_mark if flows else key.end_mark
        behind = re.fullmatch(r"[:\s]*\s#\s*(.*)", self.lines[end.line][end.column :])
        return " ".join([*above, *([behind[1]] if behind else [])]).strip()
