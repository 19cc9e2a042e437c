"""The JSON schema (draft 2020-12) of configurations: completion and red lines in an editor.

It is made from what the check of a run uses: the keys of conf/, their comments, the types of their
defaults, the tables of rules. A configuration that the check accepts is valid.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae_lab.config.check import TYPES, rules_of
from vae_lab.config.compose import CONFIG_NAME, conf_folder
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.descriptions import ConfigGroup, Descriptions
from vae_lab.config.identity import RECIPES
from vae_lab.config.rule_schemas import Schema, rule_schema
from vae_lab.config.trainer_rules import TRAINER_ARGUMENTS
from vae_lab.errors import UserError

DRAFT = "https://json-schema.org/draft/2020-12/schema"

# A value that is taken from another key, or from the environment.
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{"}

# A class whose keys are known here. Those of a person's own class are the person's.
_OUR_CLASS: Schema = {"properties": {"_target_": {"pattern": r"^(vae_lab|pytorch_lightning)\."}}}

# What says in a schema of which type a value is.
_TYPED = {"type", "enum", "const", "anyOf"}

_NAMES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}

# What Hydra reads, and what a run adds to its own configuration.
_OTHERS: dict[str, Schema] = {
    "choices": {"type": "object", "additionalProperties": {"type": "string"}},
    "hydra": {"type": "object"},
}


class ConfigurationSchema:
    """The schemas of configurations, with the options of a person's own folder if it is given."""

    def __init__(self, config_dir: Path | None = None) -> None:
        self._descriptions = Descriptions(config_dir)
        # Those of Hydra are not part of a configuration.
        groups = self._descriptions.groups.values()
        self.groups = {it.name: it for it in groups if not it.name.startswith("hydra")}
        self._meanings = {
            row.name: f"{row.meaning} Value: {row.values}.".strip()
            for name in self.groups
            for row in self._descriptions.rows(name)
        } | {key.name: f"{key.meaning} Value: {key.values}." for key in self._top_level()}

    def of_configuration(self) -> Schema:
        """Returns the schema of a recipe (`experiment/*.yaml`) and of a run's `config.yaml`."""
        top = _content(conf_folder() / f"{CONFIG_NAME}.yaml")
        properties = {key.name: self._node(key.name, [top[key.name]]) for key in self._top_level()}
        for group in self.groups.values():
            if contents := self._contents(group):
                properties[group.prefix] = self._group(group, contents)
        return {
            "$schema": DRAFT,
            "title": "A configuration of VAE Lab",
            "type": "object",
            "properties": {"defaults": self._defaults(), **properties, **_OTHERS},
            "additionalProperties": False,
        }

    def of_option(self, name: str) -> Schema:
        """Returns the schema of an option of a group, such as `my_conf/model/mine.yaml`.

        It may have keys of its own.

        Raises:
            UserError: if there is no such group, or its options are recipes.
        """
        known = [it for it, group in self.groups.items() if self._contents(group)]
        if name not in known:
            raise UserError(f"{name} is not a group with keys: choose from {', '.join(known)}.")
        group = self.groups[name]
        properties = self._group(group, self._contents(group))["properties"]
        begins = {"type": "array", "description": "The options that it begins with."}
        return {
            "$schema": DRAFT,
            "title": f"An option of the group {name} of VAE Lab",
            "description": group.sentence,
            "type": "object",
            "properties": {"defaults": begins, **properties},
        }

    def _top_level(self) -> Sequence[Any]:
        return self._descriptions.top_level()

    def _contents(self, group: ConfigGroup) -> list[dict[str, Any]]:
        """Returns what the files of a group set, and keys in it that only recipes set.

        Nothing for a group of recipes, which set any key.
        """
        if group.name in RECIPES:
            return []
        contents = [*map(_content, self._files(group.folder))]
        if group.prefix == "trainer":
            contents.append(dict.fromkeys(sorted(TRAINER_ARGUMENTS)))
        known = {name for content in contents for name in content}
        for path in [path for recipes in RECIPES for path in self._files(recipes)]:
            settings = _content(path).get(group.prefix) or {}
            if added := {name: value for name, value in settings.items() if name not in known}:
                contents.append(added)
        return contents

    def _files(self, folder: str) -> list[Path]:
        folders = [each / folder for each in self._descriptions.folders]
        return [path for each in folders for path in sorted(each.glob("*.yaml"))]

    def _group(self, group: ConfigGroup, contents: Sequence[dict[str, Any]]) -> Schema:
        schema = self._node(group.prefix, contents)
        return {**schema, "description": f"{group.sentence} Options: {', '.join(group.options)}."}

    def _defaults(self) -> Schema:
        """Returns the schema of Hydra's defaults list: which option of which group."""
        chosen: dict[str, Schema] = {}
        for group in self.groups.values():
            option: Schema = {"enum": [*group.options, None]}
            several = {"type": "array", "items": {"enum": group.options}}
            is_open = group.name in OPEN_GROUPS
            schema: Schema = {"anyOf": [option, several]} if is_open else option
            for start in ("override /", "/", ""):
                chosen[f"{start}{group.name}"] = {**schema, "description": group.sentence}
        items = {"anyOf": [{"type": "string"}, {"type": "object", "properties": chosen}]}
        words = "The options that the values of this file are set on top of."
        return {"type": "array", "items": items, "description": words}

    def _node(self, key: str, values: Sequence[Any]) -> Schema:
        """Returns the schema of a key that has these values by default, in different options."""
        described = {"description": self._meanings[key]} if key in self._meanings else {}
        mappings = [value for value in values if isinstance(value, dict)]
        names = dict.fromkeys(str(name) for mapping in mappings for name in mapping)
        # Names with a dot are those of files.
        if not names or any("." in name for name in names):
            return {**described, **_leaf(key, values)}
        properties = {
            name: self._node(f"{key}.{name}", [it[name] for it in mappings if name in it])
            for name in names
        }
        only_these = {"propertyNames": {"enum": list(names)}}
        is_open = key in OPEN_GROUPS
        return {
            **described,
            "type": ["object", "null"],
            "properties": properties,
            **({} if is_open else {"if": _OUR_CLASS, "then": only_these}),
        }


def _leaf(key: str, values: Iterable[Any]) -> Schema:
    """Returns the schema of a key that holds no keys: its rules, and the type of its defaults."""
    rules = rules_of(key)
    limits = [limit for rule in rules if (limit := rule_schema(rule))]
    # A limit such as a maximum leaves the type open.
    is_open = not any(_TYPED & limit.keys() for limit in limits)
    if is_open and not key.startswith("trainer.") and (kinds := _kinds(values)):
        limits.append({"type": [*kinds, *["null"] * bool(rules)]})
    if not limits:
        return {}
    limit = limits[0] if len(limits) == 1 else {"allOf": limits}
    return {"if": _VARIABLE, "else": limit}


def _kinds(values: Iterable[Any]) -> list[str]:
    """Returns the types of defaults; none if one of them leaves the type open."""
    kinds = []
    for value in values:
        is_variable = isinstance(value, str) and "${" in value
        kind = next((kind for kind in TYPES if isinstance(value, kind)), None)
        if kind is None or is_variable:
            return []
        kinds.append(_NAMES[kind])
    return list(dict.fromkeys(kinds))


def _content(path: Path) -> dict[str, Any]:
    content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    keys = content if isinstance(content, dict) else {}
    return {str(key): value for key, value in keys.items() if key != "defaults"}
