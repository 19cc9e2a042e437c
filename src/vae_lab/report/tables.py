"""What was run, and the tables of results, as text for both pages."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from vae_lab.report.grouping import Part, Setting
from vae_lab.report.picture_metrics import Seen
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample, best_and_ties
from vae_lab.report.wording import listed, share_shown, shown, with_error
from vae_lab.run_folder import COMMANDS


def commands(runs: Sequence[Run]) -> list[str]:
    """Returns the commands of the sweep, where the runs are those of one; else that of each run."""
    roots = {run.folder.parent for run in runs}
    kept = roots.pop() / COMMANDS
    if not roots and kept.is_file():
        return kept.read_text(encoding="utf-8").splitlines()
    return [run.result.command for run in runs]


class Cell(NamedTuple):
    """What stands in a table, and what it is sorted by."""

    text: str
    key: str | float


class Table(NamedTuple):
    """Headings, rows of cells, and of each row its mark: best, tie, or none."""

    headings: list[str]
    rows: list[list[Cell]]
    marks: list[str]


def facts(part: Part) -> list[tuple[str, list[str]]]:
    """Returns what was run: a name, and what is said, the runs' differing answers one by one."""
    runs = part.runs
    epochs = sorted({int(run.result.epochs or 0) for run in runs})
    seconds = sum(float(run.result.seconds.get("total") or 0) for run in runs)
    threads = sorted({str(run.result.threads) for run in runs})
    # Shorter first: the order of numbers.
    seeds = sorted({str(run.seed) for run in runs}, key=lambda seed: (len(seed), seed))
    return [
        ("Runs", [f"{len(runs)} runs of {len(part.settings)} settings; seeds {listed(seeds)}"]),
        ("What varies", [listed(part.keys) if part.keys else "nothing but the seed"]),
        ("Data", _each(runs, _data)),
        ("Test figures", _each(runs, _protocol)),
        (
            "Budget",
            [
                f"{listed([str(one) for one in epochs])} epochs; {duration(seconds)} in all; "
                f"{listed(threads)} thread{'s' * (threads != ['1'])} a run; precision "
                f"{listed(_each(runs, lambda run: str(run.result.precision)))}"
            ],
        ),
        ("Machine", _each(runs, lambda run: str(run.result.machine or "unknown"))),
        ("Versions", _each(runs, _versions)),
        ("Git commit", _each(runs, lambda run: str(run.result.git_commit or "unknown"))),
    ]


def reproduction(part: Part) -> list[str]:
    """Returns the commands that make the runs again."""
    return commands(part.runs)


def results(part: Part) -> Table:
    """Returns a row per setting: bound, terms, and what it took."""
    best, ties = best_and_ties([setting.sample("elbo") for setting in part.settings])
    several = any(len(setting.runs) > 1 for setting in part.settings)
    headings = [*(part.keys or ["run"]), *(["seeds"] if several else [])]
    headings += ["test bound", "reconstruction", "KL", "active dims", "validation bound"]
    headings += ["epochs", "parameters", "seconds a run"]
    marks = ["" for _ in part.settings]
    if len(marks) > 1:
        marks[best] = "best"
        for place in ties:
            marks[place] = "tie"
    return Table(headings, [_row(part, setting, several) for setting in part.settings], marks)


def every_run(part: Part) -> Table:
    """Returns a row per run, where some settings have several."""
    rows = [
        [
            Cell(run.name, run.name),
            Cell(setting.label, setting.label),
            Cell(str(run.seed), float(run.seed or 0)),
            *(_metric(run, f"{name}/test") for name in ("elbo", "recon", "kl")),
            Cell(str(run.folder), str(run.folder)),
        ]
        for setting in part.settings
        for run in setting.runs
    ]
    headings = ["run", "setting", "seed", "test bound", "reconstruction", "KL", "folder"]
    return Table(headings, rows, [""] * len(rows))


LOOKS = {
    "sharpness": "sharpness_of_{}",
    "contrast": "contrast_of_{}",
    "near real images": "precision_of_{}",
    "classifier sure": "unanimity_of_{}",
}

WHAT = ("data", "reconstructions", "samples", "interpolations")


def looks(part: Part, seen: Seen) -> Table | None:
    """Returns sharpness, contrast and plausibility of each setting's pictures."""
    headings = ["setting", "pictures", *LOOKS]
    rows: list[list[Cell]] = []
    for setting in part.settings:
        for what in WHAT:
            cells = [_look(seen, setting, form.format(what)) for form in LOOKS.values()]
            if any(cell.text != "–" for cell in cells) and (what != "data" or not rows):
                label = "test images" if what == "data" else setting.label
                rows.append([Cell(label, label), Cell(what, what), *cells])
    return Table(headings, rows, [""] * len(rows)) if rows else None


SHARES = {
    "prior draws": "digits_of_samples",
    "map": "digits_of_map",
    "centre": "digits_of_centre",
}


def digits(part: Part, seen: Seen) -> Table | None:
    """Returns each label's share of samples, map and centre, by setting."""
    rows: list[list[Cell]] = []
    labels: list[str] = []
    for setting in part.settings:
        for words, name in SHARES.items():
            shares = seen.shares(setting, name)
            if shares:
                labels = labels or list(shares)
                cells = [Cell(f"{100 * shares[one]:.0f}", shares[one]) for one in labels]
                rows.append([Cell(setting.label, setting.label), Cell(words, words), *cells])
    return Table(["setting", "of", *labels], rows, [""] * len(rows)) if rows else None


def duration(seconds: float) -> str:
    """Returns a time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _each(runs: Sequence[Run], say: Any) -> list[str]:
    return list(dict.fromkeys(say(run) for run in runs))


def _data(run: Run) -> str:
    data = run.result.data
    counts = [f"{data.get(split, 0):,} {split}" for split in ("train", "val", "test")]
    return f"{data.get('name')}: {listed(counts)} images"


def _protocol(run: Run) -> str:
    own = run.protocol
    return (
        f"nats per image; targets: {own.get('targets')}; latent code {own.get('latent')}, "
        f"{own.get('num_samples')} sample{'s' * (own.get('num_samples') != 1)} per image; "
        f"{own.get('weights')} weights; computed at {own.get('precision')}"
    )


def _versions(run: Run) -> str:
    return ", ".join(f"{name} {one}" for name, one in run.result.versions.items())


def _row(part: Part, setting: Setting, several: bool) -> list[Cell]:
    values = list(setting.values.values()) if part.keys else [setting.label]
    cells = [_value(value) for value in values]
    if several:
        cells.append(Cell(str(len(setting.runs)), len(setting.runs)))
    cells += [_quantity(setting, name) for name in ("elbo", "recon", "kl")]
    first = setting.runs[0].result
    active = [run.result.latent.get("active_units") for run in setting.runs]
    known = [one for one in active if one is not None]
    cells.append(_mean(known, "{:.3g}"))
    bounds = [bound for run in setting.runs if (bound := run.metric("elbo/val")) is not None]
    cells.append(_mean(bounds, "{:.2f}"))
    cells.append(_value(first.epochs))
    count = first.num_parameters
    cells.append(Cell(f"{count:,}" if count else "–", float(count or 0)))
    times = [run.result.seconds.get("total") for run in setting.runs]
    return [*cells, _mean([float(one) for one in times if one is not None], "{:.1f}")]


def _value(value: Any) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(f"{value:g}", float(value))
    text = "–" if value is None else str(value)
    return Cell(text, text)


def _quantity(setting: Setting, name: str) -> Cell:
    sample = setting.sample(name)
    if sample.spread is None:
        return Cell(with_error(sample.mean, sample.error), sample.mean)
    return Cell(_spread(sample), sample.mean)


def _spread(sample: Sample) -> str:
    assert sample.spread is not None
    return f"{shown(sample.mean, sample.spread)}, spread {shown(sample.spread, sample.spread)}"


def _mean(values: Sequence[float], form: str) -> Cell:
    if not values:
        return Cell("–", float("-inf"))
    mean = sum(values) / len(values)
    return Cell(form.format(mean), mean)


def _metric(run: Run, name: str) -> Cell:
    value = run.metric(name) or 0.0
    return Cell(with_error(value, run.standard_error(name)), value)


def _look(seen: Seen, setting: Setting, name: str) -> Cell:
    sample = seen.sample(setting, name)
    if sample is None:
        return Cell("–", float("-inf"))
    if name.startswith(("precision", "unanimity")):
        return Cell(share_shown(sample), sample.mean)
    if sample.spread:
        return Cell(_spread(sample), sample.mean)
    return Cell(with_error(sample.mean, sample.error), sample.mean)
