"""What varies between runs: groups that can be compared, settings, and the seeds of each."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample

T = TypeVar("T")

MOST_IN_COLOUR = 8

# Keys that change no number, or what follows from the rest.
IGNORED = ("callbacks", "logger", "report", "threads", "trainer.accelerator", "trainer.devices")

SHORT_NAMES = {"optimizer.lr": "lr", "objective.beta": "beta", "trainer.max_epochs": "epochs"}

FIRST = ("model", "latent_dim")

# Keys that another group's option may settle, beside their own group's: precision `auto`.
SETTLED_BY = {"trainer.precision": "model"}


class Setting(NamedTuple):
    """Runs that differ only in their seeds."""

    label: str
    values: dict[str, Any]  # of the keys that vary, by short name
    runs: list[Run]

    def sample(self, name: str) -> Sample:
        """Returns `elbo`, `recon` or `kl` of the test set, in nats per image."""
        key = f"{name}/test"
        arrays = tuple(run.per_image[name] for run in self.runs if name in run.per_image)
        return Sample(
            values=tuple(run.result.metrics.get(key, 0.0) for run in self.runs),
            errors=tuple(run.result.standard_errors.get(key) for run in self.runs),
            per_image=arrays if len(arrays) == len(self.runs) else (),
        )


class Group(NamedTuple):
    """Settings whose numbers can be compared; the title says in what other groups differ."""

    title: str
    keys: list[str]  # those that vary, by short name
    settings: list[Setting]

    @property
    def runs(self) -> list[Run]:
        return [run for setting in self.settings for run in setting.runs]


def _common(run: Run) -> dict[str, Any]:
    """Returns what two runs must share for their bounds to be comparable, by name."""
    protocol, data = run.result.protocol, run.result.data
    return {
        "data set": protocol.get("data") or data.get("name"),
        "targets": protocol.get("targets"),
        "number of test images": data.get("test"),
        "likelihood": run.settings.get("likelihood._target_", "").rpartition(".")[2],
        "scale of the likelihood": run.settings.get("likelihood.scale"),
        # A bound of k weighted draws is another bound than the ELBO.
        "bound": protocol.get("bound", "elbo"),
        "posterior samples per image in the bound": protocol.get("num_samples"),
    }


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Returns the runs in groups that can be compared, and the names of what tells them apart."""
    groups = []
    comparable = _grouped(runs, _common)
    common = [_common(of_group[0]) for of_group in comparable]
    differing = [name for name in common[0] if len(_grouped(common, itemgetter(name))) > 1]
    for values, of_group in zip(common, comparable, strict=True):
        title = ", ".join(f"{name}: {_shown(values[name])}" for name in differing)
        groups.append(_group(title or str(values["data set"]), of_group))
    return groups, differing


def _grouped(items: Iterable[T], key_of: Callable[[T], Any]) -> list[list[T]]:
    """Returns the items in lists of equal keys, in the order in which the keys come first."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(json.dumps(key_of(item), default=str), []).append(item)
    return list(groups.values())


def _group(title: str, runs: Sequence[Run]) -> Group:
    keys = varying_keys([run.settings for run in runs])
    settings = []
    for of_setting in _grouped(runs, lambda run: [run.settings.get(key) for key in keys]):
        first = of_setting[0]
        values = {SHORT_NAMES.get(key, key): first.settings.get(key) for key in keys}
        label = _label(values) if keys else first.name
        by_seed = sorted(of_setting, key=lambda run: int(run.seed or 0))
        settings.append(Setting(label, values, by_seed))
    return Group(title, [SHORT_NAMES.get(key, key) for key in keys], _sorted(settings))


def varying_keys(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the keys whose values differ, seeds aside, without those that follow from others.

    A key of a group that is the same wherever the option is the same follows from the option; so do
    keys with the same values in every run as another.
    """
    names = dict.fromkeys(name for of_run in settings for name in of_run)
    columns = {
        name: tuple(
            json.dumps(of_run.get(name), default=str, sort_keys=True) for of_run in settings
        )
        for name in names
        if name != "seed" and name.partition(".")[0] not in IGNORED and name not in IGNORED
    }
    varying = {name: column for name, column in columns.items() if len(set(column)) > 1}
    kept: list[str] = []
    explained: set[tuple[str, ...]] = set()
    for name in sorted(varying, key=_order):
        column = varying[name]
        option = varying.get(SETTLED_BY.get(name, name.partition(".")[0]), column)
        pairs = set(zip(option, column, strict=True))
        follows = option is not column and len(pairs) == len(set(option))
        if not follows and column not in explained:
            kept.append(name)
        explained.add(column)
    return kept


def _order(name: str) -> tuple[int, int, bool, str]:
    first = FIRST.index(name) if name in FIRST else len(FIRST)
    # Groups come first. model.lr is looked at before optimizer.lr, which is taken from it.
    return first, name.count("."), not name.startswith("model."), name


def _label(values: Mapping[str, Any]) -> str:
    parts = []
    for name, value in values.items():
        if name == "latent_dim":
            parts.append(f"z{value}")
        elif isinstance(value, str) and "." not in name:
            parts.append(value)
        elif value is not None:
            parts.append(f"{name.rpartition('.')[2]}={_shown(value)}")
    return " ".join(parts) or "default"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value, default=str)


def _sorted(settings: Sequence[Setting]) -> list[Setting]:
    """Returns settings by their values: numbers by size, options by when they first ran."""

    def rank(setting: Setting) -> list[tuple[float, int]]:
        return [
            (float(value), 0)
            if isinstance(value, int | float)
            else (float("-inf"), [_shown(it.values[name]) for it in settings].index(_shown(value)))
            for name, value in setting.values.items()
        ]

    return sorted(settings, key=rank)


def contrasts(group: Group, key: str) -> list[list[Setting]]:
    """Returns the sets of two or more settings that differ only in the key, each by its value."""

    def others(setting: Setting) -> dict[str, Any]:
        return {name: value for name, value in setting.values.items() if name != key}

    return [settings for settings in _grouped(group.settings, others) if len(settings) > 1]


def in_colour(group: Group) -> list[Setting]:
    """Returns the settings that charts and pictures tell apart: all, or some of many.

    Of many: the best four, the worst, and others between them at equal steps of rank.
    """
    if len(group.settings) <= MOST_IN_COLOUR:
        return group.settings
    ranked = sorted(group.settings, key=lambda setting: -setting.sample("elbo").mean)
    best, rest = ranked[:4], ranked[4:]
    num_others = MOST_IN_COLOUR - len(best)
    ranks = [round(k * (len(rest) - 1) / (num_others - 1)) for k in range(num_others)]
    chosen = {id(setting) for setting in [*best, *(rest[rank] for rank in ranks)]}
    return [setting for setting in group.settings if id(setting) in chosen]
