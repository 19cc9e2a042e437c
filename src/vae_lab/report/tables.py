"""What was run, and the tables of results, as text for both pages."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from vae_lab.config.remarks import NOTE, TAGS
from vae_lab.reading import MOST_TEXT, is_kind, read_inside
from vae_lab.report.blocks import Cell, PageLink, Table
from vae_lab.report.colours import styles
from vae_lab.report.comparisons import TERMS, Comparisons
from vae_lab.report.conditions import said
from vae_lab.report.grouping import Group, Setting, ranked_settings
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample
from vae_lab.report.summary import row
from vae_lab.report.wording import counted, listed, plural, share_shown, shown, with_error
from vae_lab.run_folder import COMMANDS
from vae_lab.terminal import printable

# Picture metrics of a conditional run that the table of classifiers shows.
OF_CLASSES = ("bayes_accuracy", "bayes_calibration_error", "bayes_log_loss", "summed_bound")

# Settings of a table of results; of more, as many of the best as come first.
MOST_SETTINGS, FEW_SETTINGS = 12, 8


def commands(runs: Sequence[Run]) -> list[str]:
    """Returns the commands of the sweep, if the runs are all of one; else that of each run."""
    roots = {run.path.parent for run in runs}
    kept = roots.pop() / COMMANDS
    if not roots and kept.is_file():
        text = read_inside(kept, kept.parent, most=MOST_TEXT).decode(errors="replace")
        return printable(text).splitlines()
    return [run.result.command for run in runs]


def board_command(runs: Sequence[Run]) -> str:
    """Returns the command that shows runs in TensorBoard, by the folders that hold them."""
    folders = [runs[0].path] if len(runs) == 1 else {run.path.parent: None for run in runs}
    return shlex.join(["python", "-m", "vae_lab.board", *map(str, folders)])


def facts(group: Group) -> list[tuple[str, list[str]]]:
    """Returns what was run: names, and for each the answers of the runs, every answer once."""
    runs = group.runs
    seconds = sum(float(run.result.seconds.get("total") or 0) for run in runs)
    threads = sorted({str(run.result.threads) for run in runs})
    # Shorter first: the order of numbers.
    seeds = sorted({str(run.seed) for run in runs}, key=lambda seed: (len(seed), seed))
    of_settings = f"{counted(len(runs), 'run')} of {counted(len(group.settings), 'setting')}"
    return [
        ("Runs", [f"{of_settings}; {plural('seed', len(seeds))} {listed(seeds)}"]),
        ("What varies", [listed(group.keys) if group.keys else "nothing but the seed"]),
        ("Data", _each(runs, _data)),
        ("Test protocol", _each(runs, _protocol)),
        (
            "Budget",
            [
                f"{listed(_each(runs, _epochs))}; {duration(seconds)} in all; "
                f"{listed(threads)} {'thread' if threads == ['1'] else 'threads'} per run; "
                f"precision {listed(_each(runs, lambda run: str(run.result.precision)))}"
            ],
        ),
        ("Machine", _each(runs, lambda run: str(run.result.machine or "unknown"))),
        ("Versions", _each(runs, _versions)),
        ("Git commit", _each(runs, lambda run: str(run.result.git_commit or "unknown"))),
    ]


def results(group: Group, comparisons: Comparisons) -> list[Table]:
    """Returns a row per setting: bound, terms, and what it took.

    Of many settings, the best come first in a table of their own, the whole is folded up.
    """
    best, ties = comparisons.best_and_ties(group)
    several = any(len(setting.runs) > 1 for setting in group.settings)
    headings = [*(group.keys or ["run"]), *(["seeds"] if several else [])]
    if explorers := any(run.explorer for run in group.runs):
        headings.append("explorer by seed" if several else "explorer")
    headings += [said("test bound", group.runs), "reconstruction", "KL", "active units"]
    headings += ["validation bound", "epochs", "parameters", "seconds"]
    marks = {id(setting): "tie" for setting in ties} | {id(best): "best"}
    looks = styles(group)

    def table(settings: Sequence[Setting], summary: str = "") -> Table:
        rows = [_row(group, setting, several, explorers) for setting in settings]
        by_row = [marks.get(id(it), "") for it in settings if len(group.settings) > 1]
        return Table(headings, rows, by_row, summary, [looks[id(it)].on_both for it in settings])

    if len(group.settings) <= MOST_SETTINGS:
        return [table(group.settings)]
    whole = f"All {len(group.settings)} settings"
    return [table(ranked_settings(group)[:FEW_SETTINGS]), table(group.settings, whole)]


def every_run(group: Group) -> Table:
    """Returns a row per run, with what a person says about it, folded up."""
    remarks = [
        name for name in (TAGS, NOTE) if any(getattr(run.result, name) for run in group.runs)
    ]
    rows = [
        [
            _value(run.name),
            _value(setting.label),
            Cell(str(run.seed), float(run.seed or 0)),
            *(sample_cell(setting._replace(runs=[run]).sample(name)) for name in TERMS),
            *(_value(row(run.result)[name]) for name in remarks),
            _value(str(run.path)),
        ]
        for setting in group.settings
        for run in setting.runs
    ]
    bound = said("test bound", group.runs)
    headings = ["run", "setting", "seed", bound, "reconstruction", "KL", *remarks, "folder"]
    return Table(headings, rows, summary="Every run")


def warnings(group: Group) -> Table:
    """Returns a row per warning of a run, folded up."""
    rows = [[_value(run.name), _value(text)] for run in group.runs for text in run.result.warnings]
    return Table(["run", "warning"], rows, summary=counted(len(rows), "warning").capitalize())


def picture_metrics(metrics: PictureMetrics) -> Table | None:
    """Returns a row per picture metric that is a single number, with a column per setting.

    Numbers of different protocols are not comparable: such a metric has a row for each protocol.
    """
    settings = metrics.group.settings
    rows: list[list[Cell]] = []
    # What a table of its own shows.
    for name in (it for it in metrics.names() if it not in OF_CLASSES):
        protocols = metrics.protocols(name)
        for protocol in protocols:
            samples = [metrics.sample(setting, name, protocol) for setting in settings]
            if any(samples):
                differing = [
                    f"{key}: {value}"
                    for key, value in protocol.items()
                    if any(other.get(key) != value for other in protocols)
                ]
                which = f" ({', '.join(differing)})" if differing else ""
                rows.append([_value(f"{metrics.words(name)}{which}"), *map(sample_cell, samples)])
    headings = ["picture metric", *(setting.label for setting in settings)]
    return Table(headings, rows) if rows else None


def label_shares(metrics: PictureMetrics) -> Table | None:
    """Returns each label's share of samples, map and centre, by setting."""
    rows: list[list[Cell]] = []
    labels: list[str] = []
    for setting in metrics.group.settings:
        for of, name in {"prior draws": "samples", "map": "map", "centre": "centre"}.items():
            if shares := metrics.by_label(setting, f"digits_of_{name}"):
                labels = labels or list(shares)
                errors = metrics.label_errors(setting, f"digits_of_{name}")
                cells = [_label_share(shares[label], errors.get(label)) for label in labels]
                rows.append([_value(setting.label), _value(of), *cells])
    return Table(["setting", "of", *labels], rows) if rows else None


def duration(seconds: float) -> str:
    """Returns a time in a unit that fits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _each(runs: Sequence[Run], text_of: Callable[[Run], str]) -> list[str]:
    return list(dict.fromkeys(map(text_of, runs)))


def _data(run: Run) -> str:
    data = run.result.data
    counts = [f"{data.get(split, 0):,} {split}" for split in ("train", "val", "test")]
    return f"{data.get('name')}: {listed(counts)} images"


def _protocol(run: Run) -> str:
    protocol, num_samples = run.result.protocol, run.result.protocol.get("num_samples")
    return (
        f"nats per image; targets: {protocol.get('targets')}; latent code "
        f"{protocol.get('latent')}, {num_samples} {plural('sample', num_samples)} per image; "
        f"{protocol.get('weights')} weights; computed at {protocol.get('precision')}"
    )


def _epochs(run: Run) -> str:
    """Returns how long a run trained; an epoch may be less than a pass over its images."""
    limit = run.config.get("trainer", {}).get("limit_train_batches")
    words = counted(run.result.epochs or 0, "epoch")
    if limit is None:
        return words
    share = f"{limit:.0%} of the images" if isinstance(limit, float) else f"{limit} batches"
    return f"{words} of {share}"


def _versions(run: Run) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.result.versions.items())


def _row(group: Group, setting: Setting, several: bool, explorers: bool) -> list[Cell]:
    values = list(setting.values.values()) if group.keys else [setting.label]
    cells = [_value(value) for value in values]
    if several:
        cells.append(Cell(str(len(setting.runs)), len(setting.runs)))
    if explorers:
        cells.append(_explorers(setting, several))
    cells += [sample_cell(setting.sample(name)) for name in TERMS]
    results = [run.result for run in setting.runs]
    cells.append(_mean([result.latent.get("active_units") for result in results], "{:.3g}"))
    cells.append(_mean([result.metrics.get("elbo/val") for result in results], "{:.2f}"))
    epochs = sorted({int(result.epochs or 0) for result in results})
    cells.append(Cell(" to ".join(map(str, dict.fromkeys((epochs[0], epochs[-1])))), epochs[0]))
    count = results[0].num_parameters
    cells.append(Cell(f"{count:,}" if count else "–", float(count or 0)))
    return [*cells, _mean([result.seconds.get("total") for result in results], "{:.1f}")]


def _explorers(setting: Setting, by_seed: bool) -> Cell:
    """Returns a link to the explorer of each run that has one: each run is another model."""
    links = []
    for run in setting.runs:
        text = str(run.seed) if by_seed else "open"
        label = f"{text}: explorer of {run.name}"
        links += [PageLink(text, run.explorer, label)] if run.explorer else []
    text = " ".join(link.text for link in links) or "–"
    return Cell(text, text, links=links)


def _value(value: Any) -> Cell:
    if is_kind(value, float):
        return Cell(f"{value:g}", float(value))
    text = "–" if value is None else str(value)
    return Cell(text, text)


def sample_cell(sample: Sample | None) -> Cell:
    """Returns a mean with its standard error over images, or its standard deviation over seeds.

    A share is in per cent, with its interval.
    """
    if sample is None:
        return Cell("–", float("-inf"))
    if sample.is_share:
        return Cell(share_shown(sample), sample.mean)
    if sample.spread is None:
        return Cell(with_error(sample.mean, sample.error), sample.mean)
    mean, spread = (shown(value, sample.spread) for value in (sample.mean, sample.spread))
    return Cell(f"{mean} (sd {spread})", sample.mean)


def _label_share(share: float, error: float | None) -> Cell:
    """Returns a label's share in per cent, with its standard error if it is one of draws."""
    text = f"{100 * share:.0f}" + (f" ± {100 * error:.0f}" if error else "")
    return Cell(text, share, is_share=True)


def _mean(values: Sequence[float | None], form: str) -> Cell:
    """Returns the mean over the runs that have a value."""
    known = [float(value) for value in values if value is not None]
    mean = sum(known) / len(known) if known else float("-inf")
    return Cell(form.format(mean) if known else "–", mean)
