"""What a page advises: overrides that compose with the run's command, and only sensible ones."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fake_runs import write_events, write_run

from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import jobs_of
from vae_lab.config.compose import Composer
from vae_lab.report.blocks import Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.findings import answer
from vae_lab.report.grouping import group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs

FALL = ([-200.0, *[-100.0] * 5, -80.0], [-200.0, *[-100.0] * 5, -110.0])
RISE = ([-200.0, -150.0, -100.0], [-200.0, -150.0, -100.0])


def findings(folder: Path) -> dict[str, Finding]:
    (group,), _ = group_runs(find_runs([folder])[0])
    metrics = PictureMetrics(group)
    return {it.subject: it for it in answer(metrics, Comparisons([metrics])).findings}


def run_of(
    folder: Path, words: str, curves: tuple[Sequence[float], Sequence[float]] = RISE, **more: Any
) -> dict[str, Finding]:
    """Writes a run by a command, of which only the overrides are made-up, and what is found."""
    overrides = words.split()
    (job,) = jobs_of(Composer(), parse_words(overrides), datetime(2026, 1, 2)).jobs
    config = json.loads(json.dumps(job.values, default=str))
    train, val = curves
    metrics = {"elbo/test": -100.0, "recon/test": 99.9, "kl/test": more.pop("kl", 0.1)}
    folder = write_run(
        folder / "run", elbo=-100.0, choices=dict(job.choices), metrics=metrics, epochs=len(train),
        config={key: config[key] for key in ("objective", "data", "callbacks")},
        command=f"python -m vae_lab {words}", **more,
    )  # fmt: skip
    write_events(folder, {"elbo/train": train, "elbo/val": val})
    return findings(folder.parent)


@pytest.mark.parametrize(
    "words",
    [
        "data=mnist_5k",
        "data=mnist_5k data.num_images=1000 data.num_val=200",
        "data=digits callbacks=none objective=mmd objective.alpha=0.5",
        "data=digits callbacks=[progress] objective=mmd",
        "data=digits objective=iwae objective.num_samples=3 prior=vamp",
        "data=digits objective=beta_tc objective.beta=4",
        "data=digits objective=elbo_capacity objective.capacity=3",
        "data=digits objective=elbo_free_bits objective.free_bits=0.01",
        "data=digits callbacks=[default,early_stopping] likelihood=gaussian",
    ],
)
def test_the_remedies_compose_with_the_command_of_the_run(words: str, tmp_path: Path) -> None:
    remedies = []
    for place, curves in enumerate((FALL, RISE)):
        found = run_of(tmp_path / str(place), words, curves)
        assert {"collapse", "overfitting" if curves is FALL else "unfinished"} <= set(found)
        remedies += [remedy for it in found.values() for remedy in it.remedies]
    for remedy in dict.fromkeys(remedies):
        overrides = parse_words([*words.split(), remedy])
        assert len(jobs_of(Composer(), overrides, datetime(2026, 1, 2)).jobs) == 1


@pytest.mark.parametrize(
    ("words", "remedies"),
    [
        ("objective=elbo_capacity objective.capacity=3", ("objective.capacity=6",)),
        ("objective=elbo_free_bits", ("objective.free_bits=1",)),
        ("objective=mmd", ("objective=elbo_free_bits",)),
        # The key would be unknown to another objective.
        ("objective=mmd objective.alpha=0.5", ()),
        ("objective=beta_tc", ("objective.beta=1",)),
        ("objective.beta=8", ("objective.beta=1",)),
    ],
)
def test_a_collapse_is_mended_by_what_its_objective_has(
    words: str, remedies: tuple[str, ...], tmp_path: Path
) -> None:
    assert run_of(tmp_path, f"data=digits {words}")["collapse"].remedies == remedies


def test_an_override_does_not_repeat_or_undo_what_the_command_says(tmp_path: Path) -> None:
    stops = run_of(tmp_path / "a", "data=digits callbacks=[default,early_stopping]", FALL)
    assert stops["overfitting"].remedies == ()
    bare = run_of(tmp_path / "b", "data=mnist_5k callbacks=none", FALL)
    assert bare["overfitting"].remedies == ("callbacks=[none,early_stopping]", "data=mnist")
    few = run_of(tmp_path / "c", "data=mnist_5k data.num_images=4000 data.num_val=500", FALL)
    assert few["overfitting"].remedies == ("callbacks=[default,early_stopping]",)


def test_more_epochs_only_if_epochs_ended_the_training(tmp_path: Path) -> None:
    ends = {"max_epochs": True, "max_steps": True, "early_stopping: it did not improve": False}
    for place, (ended_by, is_told) in enumerate(ends.items()):
        found = run_of(tmp_path / str(place), "data=digits", RISE, ended_by=ended_by)
        assert ("unfinished" in found) is is_told
        if is_told:
            is_limit = ended_by == "max_epochs"
            assert bool(found["unfinished"].remedies) is is_limit


def test_a_gap_is_told_in_nats_and_measured_by_the_rise_of_a_bound_about_0(tmp_path: Path) -> None:
    flat = [-200.0, *[0.0] * 8]
    for place, (gap, is_told) in enumerate(((8.0, False), (20.0, True))):
        curves = ([*flat, gap], [*flat, 0.0])
        found = run_of(tmp_path / str(place), "data=digits likelihood=gaussian", curves)
        assert ("overfitting" in found) is is_told
        if is_told:
            text = found["overfitting"].text
            assert "ends 20.0 nats below its training bound" in text and "%" not in text


def test_a_setting_that_still_rises_does_not_overfit_by_its_gap(tmp_path: Path) -> None:
    found = run_of(tmp_path, "data=digits", ([-200.0, -100.0, -50.0], [-200.0, -150.0, -100.0]))
    assert "overfitting" not in found
    assert (
        found["unfinished"].text == "It was still rising: the last of 3 epochs brought 50.0 nats."
    )


def test_below_a_beta_of_0_there_is_nothing_to_try(tmp_path: Path) -> None:
    for beta in (0.0, 1.0, 4.0):
        config = {"objective": {"beta": beta}}
        write_run(tmp_path / f"beta{beta}", elbo=-140.0 - 5 * beta, config=config)
    assert "edge" not in findings(tmp_path)


def test_a_collapsed_code_is_not_told_to_have_fewer_dimensions_or_more(tmp_path: Path) -> None:
    for active in (1, 2):
        latent = {"active_units": active, "kl_per_dimension": [0.06, 0.04]}
        found = run_of(tmp_path / str(active), "data=digits", latent=latent)
        assert "collapse" in found and not {"unused", "dimensions", "blur"} & set(found)
