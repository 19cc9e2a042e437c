"""What varies between runs: parts that can be compared, settings, and the seeds of each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample

MOST_IN_COLOUR = 8


# Keys that change no number, or what follows from the rest.
IGNORED = ("callbacks", "logger", "report", "threads", "trainer.accelerator", "trainer.devices")

SHORT_NAMES = {"optimizer.lr": "lr", "objective.beta": "beta", "trainer.max_epochs": "epochs"}

FIRST = ("model", "latent_dim")

# Keys that another group's option may settle, beside their own group's: precision `auto`.
SETTLED_BY = {"trainer.precision": "model"}


class Setting(NamedTuple):
    """Runs that differ in their seeds alone."""

    label: str
    values: dict[str, Any]  # of the keys that vary, by short name
    runs: list[Run]

    def sample(self, name: str) -> Sample:
        """Returns `elbo`, `recon` or `kl` of the test set, in nats per image."""
        key = f"{name}/test"
        arrays = tuple(run.per_image[name] for run in self.runs if name in run.per_image)
        return Sample(
            values=tuple(run.metric(key) or 0.0 for run in self.runs),
            errors=tuple(run.standard_error(key) for run in self.runs),
            per_image=arrays if len(arrays) == len(self.runs) else (),
        )


class Part(NamedTuple):
    """Settings whose figures can be compared, and why others are elsewhere."""

    title: str
    keys: list[str]  # those that vary, by short name
    settings: list[Setting]

    @property
    def runs(self) -> list[Run]:
        return [run for setting in self.settings for run in setting.runs]


# What two runs must share for their bounds to be comparable: in words, and of a run.
COMMON: tuple[tuple[str, Callable[[Run], Any]], ...] = (
    (
        "data set",
        lambda run: run.protocol.get("data") or run.result.data.get("name"),
    ),
    ("targets", lambda run: run.protocol.get("targets")),
    ("number of test images", lambda run: run.result.data.get("test")),
    ("likelihood", lambda run: run.settings.get("likelihood._target_", "").rpartition(".")[2]),
    ("scale of the likelihood", lambda run: run.settings.get("likelihood.scale")),
    # A bound of k weighted draws is another one than the ELBO.
    ("bound", lambda run: run.protocol.get("bound", "elbo")),
    ("posterior samples per image in the bound", lambda run: run.protocol.get("num_samples")),
)


def parts_of(runs: Sequence[Run]) -> tuple[list[Part], list[str]]:
    """Returns the runs in parts that can be compared, and in words in what the parts differ."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps([of(run) for _, of in COMMON], default=str), []).append(run)
    facts = [[of(group[0]) for _, of in COMMON] for group in groups.values()]
    differing = [
        place
        for place in range(len(COMMON))
        if len({json.dumps(fact[place], default=str) for fact in facts}) > 1
    ]
    parts = []
    for group, fact in zip(groups.values(), facts, strict=True):
        words = ", ".join(f"{COMMON[place][0]}: {_shown(fact[place])}" for place in differing)
        parts.append(_part(words or str(fact[0]), group))
    return parts, [COMMON[place][0] for place in differing]


def _part(title: str, runs: Sequence[Run]) -> Part:
    keys = varying_keys([run.settings for run in runs])
    names = {key: SHORT_NAMES.get(key, key) for key in keys}
    groups: dict[str, list[Run]] = {}
    for run in runs:
        found = [run.settings.get(key) for key in keys]
        groups.setdefault(json.dumps(found, default=str), []).append(run)
    settings = []
    for group in groups.values():
        values = {names[key]: group[0].settings.get(key) for key in keys}
        label = _label(values) if keys else group[0].name
        settings.append(Setting(label, values, sorted(group, key=_seed)))
    order = {id(setting): place for place, setting in enumerate(_sorted(settings, names))}
    return Part(title, list(names.values()), sorted(settings, key=lambda one: order[id(one)]))


def _seed(run: Run) -> int:
    return int(run.seed or 0)


def varying_keys(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the keys whose values differ, seeds aside, without those that follow from others.

    A key of a group that is the same wherever the option is the same follows from the option; so do
    keys with the same values in every run as another.
    """
    names = dict.fromkeys(name for one in settings for name in one)
    columns = {
        name: tuple(json.dumps(one.get(name), default=str, sort_keys=True) for one in settings)
        for name in names
        if name != "seed" and name.partition(".")[0] not in IGNORED and name not in IGNORED
    }
    varying = {name: column for name, column in columns.items() if len(set(column)) > 1}
    kept: list[str] = []
    dropped: set[tuple[str, ...]] = set()
    for name in sorted(varying, key=_order):
        column = varying[name]
        group = SETTLED_BY.get(name, name.partition(".")[0])
        follows = group != name and group in varying and _follows(column, varying[group])
        if follows or column in dropped or any(varying[other] == column for other in kept):
            dropped.add(column)
        else:
            kept.append(name)
    return kept


def _order(name: str) -> tuple[int, int, int, str]:
    first = FIRST.index(name) if name in FIRST else len(FIRST)
    group_first = name.count(".")
    # model.lr is looked at before optimizer.lr, which is taken from it.
    return first, group_first, 0 if name.startswith("model.") else 1, name


def _follows(column: Sequence[str], option: Sequence[str]) -> bool:
    return len(set(zip(option, column, strict=True))) == len(set(option))


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


def _sorted(settings: Sequence[Setting], names: Mapping[str, str]) -> list[Setting]:
    """Returns settings by their values: numbers by size, options by when they first ran."""
    seen = {name: list(_distinct(settings, name)) for name in names.values()}

    def place(setting: Setting) -> list[tuple[float, int]]:
        return [
            (float(value), 0)
            if isinstance(value := setting.values[name], int | float)
            else (float("-inf"), seen[name].index(_shown(value)))
            for name in names.values()
        ]

    return sorted(settings, key=place)


def _distinct(settings: Sequence[Setting], name: str) -> Iterator[str]:
    yield from dict.fromkeys(_shown(setting.values[name]) for setting in settings)


class Contrast(NamedTuple):
    """Settings that differ in one key alone, by its value, and what they share."""

    key: str
    shared: str
    settings: list[Setting]


def contrasts(part: Part, key: str) -> list[Contrast]:
    """Returns the sets of two or more settings that differ in the key alone."""
    groups: dict[str, list[Setting]] = {}
    for setting in part.settings:
        others = {name: value for name, value in setting.values.items() if name != key}
        groups.setdefault(json.dumps(others, default=str), []).append(setting)
    found = []
    for group in groups.values():
        if len(group) > 1:
            others = {name: value for name, value in group[0].values.items() if name != key}
            found.append(Contrast(key, _label(others) if others else "", group))
    return found


def in_colour(part: Part) -> list[Setting]:
    """Returns the settings that charts and pictures tell apart: all, or some of many.

    Of many: the best four, the worst, and others between them at equal steps of rank.
    """
    if len(part.settings) <= MOST_IN_COLOUR:
        return part.settings
    ranked = sorted(part.settings, key=lambda one: -one.sample("elbo").mean)
    best, rest = ranked[:4], ranked[4:]
    wanted = MOST_IN_COLOUR - len(best)
    places = [round(k * (len(rest) - 1) / (wanted - 1)) for k in range(wanted)]
    chosen = {id(one) for one in [*best, *(rest[place] for place in places)]}
    return [one for one in part.settings if id(one) in chosen]
