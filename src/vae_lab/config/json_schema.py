"""The JSON schema (draft 2020-12) of configurations: completion and red lines in an editor.

It is made from what the check of a run uses: the keys of conf/, their comments, the types of their
defaults, the tables of rules. A configuration that the check accepts is valid.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae_lab.config.check import TYPES, rules_of
from vae_lab.config.compose import CONFIG_NAME, conf_folder
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.descriptions import ConfigGroup, Descriptions
from vae_lab.config.rule_schemas import Schema, rule_schema
from vae_lab.config.rules import Rule
from vae_lab.config.trainer_rules import TRAINER_ARGUMENTS

DRAFT = "https://json-schema.org/draft/2020-12/schema"

# A value that is taken from another key, or from the environment.
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{"}

_TYPE_NAMES: dict[type, list[str]] = {
    bool: ["boolean"],
    int: ["number"],
    float: ["number"],
    str: ["string"],
    list: ["array"],
}

# What Hydra puts into a file, and what a run adds to its own.
_OTHERS: dict[str, Schema] = {
    "choices": {"type": "object", "additionalProperties": {"type": "string"}},
    "hydra": {"type": "object"},
}

_rule_schema = cache(rule_schema)


class ConfigurationSchema:
    """The schema of a recipe, of a run's `config.yaml`, or of an option of a group."""

    def __init__(self, config_dir: Path | None = None) -> None:
        self._descriptions = Descriptions(config_dir)
        self._folders = self._descriptions.folders
        self.groups = {
            group.name: group
            for group in self._descriptions.groups.values()
            if not group.name.startswith("hydra")
        }

    def of_configuration(self) -> Schema:
        """Returns the schema of a recipe (`experiment/*.yaml`) and of a run's `config.yaml`."""
        groups = [group for group in self.groups.values() if group.name != "experiment"]
        properties = {group.prefix: self._of_group(group) for group in groups}
        top = {key.name: self._of_key(key.name, [key.default]) for key in self._top_keys()}
        return {
            "$schema": DRAFT,
            "title": "A configuration of VAE Lab",
            "type": "object",
            "properties": {"defaults": self._defaults(), **top, **properties, **_OTHERS},
            "additionalProperties": False,
        }

    def of_option(self, name: str) -> Schema:
        """Returns the schema of a file of a group, such as `my_conf/model/mine.yaml`."""
        group = self.groups[name]
        schema = self._of_group(group)
        defaults = {"type": "array", "description": "Options of this group that it begins with."}
        properties = {"defaults": defaults, **schema["properties"]}
        title = f"An option of {group.name}"
        return {"$schema": DRAFT, "title": title, **schema, "properties": properties}
