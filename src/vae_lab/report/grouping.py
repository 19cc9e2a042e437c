"""What varies between runs: groups that can be compared, settings, and the seeds of each."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from vae_lab.config.identity import run_name
from vae_lab.report.conditions import heading
from vae_lab.report.runs import Run, Skipped, image_identities
from vae_lab.report.statistics import Sample
from vae_lab.report.varying_keys import varying_keys

T = TypeVar("T")

MOST_IN_COLOUR = 8

LONGEST_LABEL = 48  # letters

SHORT_NAMES = {"optimizer.lr": "lr", "objective.beta": "beta", "trainer.max_epochs": "epochs"}


class Setting(NamedTuple):
    """Runs that differ only in their seeds, each seed once."""

    label: str
    values: dict[str, Any]  # of the keys that vary, by short name
    runs: list[Run]

    def sample(self, name: str) -> Sample | None:
        """Returns `elbo`, `recon` or `kl` of the test set, in nats per image.

        None if a run has no such number.
        """
        key, results = f"{name}/test", [run.result for run in self.runs]
        values = [result.metrics.get(key, math.nan) for result in results]
        if not all(map(math.isfinite, values)):
            return None
        arrays = tuple(run.per_image[name] for run in self.runs if name in run.per_image)
        return Sample(
            values=tuple(values),
            errors=tuple(result.standard_errors.get(key) for result in results),
            per_image=arrays if len(arrays) == len(self.runs) else (),
            num_images=results[0].data.get("test"),
        )


class Group(NamedTuple):
    """Settings whose numbers can be compared; the title says in what other groups differ."""

    title: str
    keys: list[str]  # those that vary, by short name
    settings: list[Setting]
    repeated: list[Skipped]  # runs with the setting and the seed of another

    @property
    def runs(self) -> list[Run]:
        return [run for setting in self.settings for run in setting.runs]


def must_share(run: Run, images: str) -> dict[str, Any]:
    """Returns what two runs must share for their bounds to be comparable, by name."""
    protocol, data = run.result.protocol, run.result.data
    shape = run.result.image_shape or ()
    return {
        # The same images have one identity, whatever they are called.
        "data set": images or run.data_name,
        "image shape": " x ".join(map(str, shape)) or None,
        "targets": protocol.get("targets"),
        "latent code": protocol.get("latent", "sampled"),
        "number of test images": data.get("test"),
        "likelihood": _likelihood(run),
        "condition": heading(run),
        # A bound of k weighted draws is another bound than the ELBO.
        "bound": protocol.get("bound", "elbo"),
        "posterior samples per image in the bound": protocol.get("num_samples"),
    }


def _likelihood(run: Run) -> str:
    """Returns the likelihood with its settings, such as `Gaussian scale=0.1`."""
    settings = {
        key.removeprefix("likelihood."): value
        for key, value in run.settings.items()
        if key.startswith("likelihood.")
    }
    name = str(settings.pop("_target_", "")).rpartition(".")[2]
    # What is switched off, or not there yet in an older run, is left out.
    shown = [
        f"{key}={_shown(value)}" for key, value in settings.items() if value not in (None, False)
    ]
    return " ".join([name, *shown])


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Returns the runs in comparable groups, and the names of what differs between groups."""
    groups, images = [], image_identities(runs)
    comparable = _grouped(runs, lambda run: must_share(run, images[run]))
    common = [must_share(of_group[0], images[of_group[0]]) for of_group in comparable]
    differing = [name for name in common[0] if len(_grouped(common, itemgetter(name))) > 1]
    for values, of_group in zip(common, comparable, strict=True):
        first = of_group[0]
        # For people, the images have their name; equal names are followed by the fingerprint.
        names = [run.data_name for run in (other[0] for other in comparable)]
        same_name = names.count(first.data_name) > 1 and images[first]
        values["data set"] = (
            f"{first.data_name} ({images[first][:8]})" if same_name else first.data_name
        )
        title = ", ".join(f"{name}: {_shown(values[name])}" for name in differing)
        groups.append(_group(title or first.data_name, of_group, same_images=bool(images[first])))
    return groups, differing


def _grouped(items: Iterable[T], key_of: Callable[[T], Any]) -> list[list[T]]:
    """Returns the items in lists of equal keys, in the order in which the keys come first."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(json.dumps(key_of(item), default=str), []).append(item)
    return list(groups.values())


def _group(title: str, runs: Sequence[Run], *, same_images: bool) -> Group:
    keys = varying_keys([run.settings for run in runs], same_images=same_images)
    settings, repeated = [], []
    for of_setting in _grouped(runs, lambda run: [run.settings.get(key) for key in keys]):
        # In the order in which they began: of runs with one seed, the first counts.
        seeds: dict[Any, Run] = {}
        for run in of_setting:
            first = seeds.setdefault(run.seed, run)
            if first is not run:
                reason = f"seed {run.seed} of this setting is there already: {first.path}"
                repeated.append(Skipped(run.path, reason))
        values = {SHORT_NAMES.get(key, key): of_setting[0].settings.get(key) for key in keys}
        by_seed = sorted(seeds.values(), key=lambda run: int(run.seed or 0))
        label = _label(values) if keys else _name_without_seed(by_seed)
        settings.append(Setting(label, values, by_seed))
    shorter = {shortened(setting.label) for setting in settings}
    if len(shorter) == len(settings):
        settings = [it._replace(label=shortened(it.label)) for it in settings]
    names = [SHORT_NAMES.get(key, key) for key in keys]
    return Group(title, names, _sorted(settings), repeated)


def _name_without_seed(runs: Sequence[Run]) -> str:
    """Returns the name of a single run, or what the names of several seeds share."""
    if len(runs) == 1:
        return runs[0].name
    names = {run.name.replace(f"-seed{run.seed}", "") for run in runs}
    result = runs[0].result
    if len(names) == 1 or not {"model", "data"} <= result.choices.keys():
        return names.pop()
    return run_name(result.choices, result.latent_dim or 0, {})


def _label(values: Mapping[str, Any]) -> str:
    parts = []
    for name, value in values.items():
        if name == "latent_dim":
            parts.append(f"z{value}")
        elif isinstance(value, str) and "." not in name:
            parts.append(value)
        elif name.endswith("._target_"):
            parts.append(str(value or "").rpartition(".")[2])
        elif value is not None:
            parts.append(f"{name.rpartition('.')[2]}={_shown(value)}")
    return " ".join(filter(None, parts)) or "default"


def shortened(label: str) -> str:
    """Returns a label without its middle if a chart has no room for it."""
    half = LONGEST_LABEL // 2
    return label if len(label) <= LONGEST_LABEL else f"{label[:half]}…{label[-half:]}"


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


def best(group: Group, count: int) -> list[Setting]:
    """Returns up to so many settings with the highest test bounds, in the order of the group."""
    chosen = {id(setting) for setting in ranked_settings(group)[:count]}
    return [setting for setting in group.settings if id(setting) in chosen]


def in_colour(group: Group) -> list[Setting]:
    """Returns the settings that charts and pictures distinguish: all, or some of many.

    Of many: the best four, the worst, and others between them at equal steps of rank.
    """
    if len(group.settings) <= MOST_IN_COLOUR:
        return group.settings
    ranked = ranked_settings(group)
    leading, rest = ranked[:4], ranked[4:]
    num_others = MOST_IN_COLOUR - len(leading)
    ranks = [round(k * (len(rest) - 1) / (num_others - 1)) for k in range(num_others)]
    chosen = {id(setting) for setting in [*leading, *(rest[rank] for rank in ranks)]}
    return [setting for setting in group.settings if id(setting) in chosen]


def ranked_settings(group: Group) -> list[Setting]:
    """Returns the settings by their test bound, the best first; those without one come last."""
    bounds = {id(it): sample.mean for it in group.settings if (sample := it.sample("elbo"))}
    return sorted(group.settings, key=lambda setting: -bounds.get(id(setting), -math.inf))
