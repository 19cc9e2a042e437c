"""A job of a command line: its overrides, its options, its configuration.

Hydra takes half a second for a composition, and a sweep may have a thousand jobs, most of which
differ only in plain values, not in options. So options are composed once, and each job is a copy
in which its values are set as Hydra sets them: after all files, in the order of the command line.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, open_dict

from vae_lab.config.identity import flatten, is_volatile
from vae_lab.config.resolve import resolved


class Composition:
    """What Hydra composes of the options of all groups, before plain values are set in it."""

    def __init__(self, config: DictConfig, defaults: DictConfig | None) -> None:
        """Keeps a configuration, with Hydra's part in it.

        `defaults` are the same options without any override, or None if `config` is that.
        """
        self.choices = choices_of(config.hydra.runtime.choices)
        self.all_choices = dict(config.hydra.runtime.choices)  # Hydra's own groups and recipes too
        self.launcher, self.sweeper = (
            str(config.hydra[group]._target_) for group in ("launcher", "sweeper")
        )
        # A pickle is read in a third of the time that a deep copy takes.
        self._with_hydra = pickle.dumps(config)
        with open_dict(config):
            del config["hydra"]
        self._without_hydra = pickle.dumps(config)
        self._defaults = config if defaults is None else defaults

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The value of each dotted key if nothing is overridden: the keys that exist."""
        return dict(flatten(resolved(self._defaults)))

    def with_values(self, values: Sequence[Override], *, with_hydra: bool = False) -> DictConfig:
        """Returns a copy in which the values are set, without Hydra's own part or with it."""
        config: DictConfig = pickle.loads(self._with_hydra if with_hydra else self._without_hydra)
        ConfigLoaderImpl._apply_overrides_to_config(list(values), config)
        return config


@dataclass(frozen=True)
class Job:
    """One run: its overrides and its configuration."""

    overrides: list[str]
    parsed: list[Override]
    composition: Composition
    assigned: list[Override]  # of the overrides those that set a plain value
    config: DictConfig  # as Hydra gives it to the job: without Hydra's own part

    @property
    def choices(self) -> dict[str, str]:
        """The option of each of the project's groups."""
        return self.composition.choices

    @cached_property
    def values(self) -> dict[str, Any]:
        """The configuration as plain values; see `resolved`."""
        return resolved(self.config)

    @cached_property
    def hydra(self) -> DictConfig:
        """Hydra's own part of the configuration."""
        hydra: DictConfig = self.composition.with_values(self.assigned, with_hydra=True).hydra
        task = [override for override in self.parsed if not override.is_hydra_override()]
        hydra.overrides.task = [override.input_line for override in task]
        hydra.job.override_dirname = get_overrides_dirname(
            overrides=task, **hydra.job.config.override_dirname
        )
        return hydra


def choices_of(choices: Mapping[str, Any]) -> dict[str, str]:
    """Returns the option of each of the project's groups, from Hydra's own record of all."""
    return {
        group: str(option)
        for group, option in choices.items()
        if group != "experiment"
        and not group.startswith("hydra")
        and not is_volatile(group)
        and option is not None
    }
