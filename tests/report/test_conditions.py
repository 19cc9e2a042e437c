"""Runs that are given labels: never in one group with others, and named by what they bound."""

import json
from pathlib import Path

import pytest
from fake_runs import PROTOCOL, number, write_anatomy, write_evaluation, write_run

from vae_lab.report import classes, tables
from vae_lab.report.blocks import Note, Table
from vae_lab.report.conditions import condition_of
from vae_lab.report.dataframe import load_runs
from vae_lab.report.grouping import group_runs
from vae_lab.report.page import write_report
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs

GIVEN = "log p(x given y)"


def write_conditional(folder: Path, elbo: float, condition: str = "label", **more: object) -> Path:
    """Writes a finished run that is given labels."""
    protocol = PROTOCOL | {"condition": condition}
    config = {"condition": {"labelled": int(condition.split()[1])}} if "," in condition else {}
    choices = {"condition": "label"}
    # What it is given is of several kinds.
    return write_run(folder, elbo=elbo, protocol=protocol, config=config, choices=choices, **more)  # type: ignore[arg-type]


def write_three_kinds(folder: Path) -> None:
    """Writes two runs of each kind, the settings of which are the same."""
    for z in (2, 10):
        write_run(folder / f"none{z}", elbo=-150.0 + z, latent_dim=z)
        write_conditional(folder / f"label{z}", -140.0 + z, latent_dim=z)
        write_conditional(folder / f"some{z}", -145.0 + z, f"label, {z}0 known", latent_dim=z)


def test_a_group_never_mixes_what_runs_are_given(tmp_path: Path) -> None:
    write_three_kinds(tmp_path)
    groups, reasons = group_runs(find_runs([tmp_path])[0])
    assert reasons == ["condition"]
    kinds = [[condition_of(run) for run in group.runs] for group in groups]
    assert sorted(kinds) == [["label"] * 2, ["none"] * 2, ["some labels"] * 2]
    assert {group.title for group in groups} == {
        "condition: none (log p(x))",
        f"condition: label ({GIVEN})",
        "condition: some labels (log p(x))",
    }


def test_each_part_of_a_page_compares_its_own_runs_only(tmp_path: Path) -> None:
    write_three_kinds(tmp_path)
    write_report([tmp_path], tmp_path)
    parts = json.loads((tmp_path / "report.json").read_text())["parts"]
    best = {part["title"]: part["answer"]["numbers"]["bound"]["mean"] for part in parts}
    assert best == {
        "condition: none (log p(x))": pytest.approx(-140),
        f"condition: label ({GIVEN})": pytest.approx(-130),
        "condition: some labels (log p(x))": pytest.approx(-135),
    }
    assert [len(part["settings"]) for part in parts] == [2, 2, 2]


def test_a_page_on_runs_that_are_given_the_class_never_says_log_p_of_x(tmp_path: Path) -> None:
    write_anatomy(write_conditional(tmp_path / "a", -150.0), 2.0, 1.0, sandwich=0.1)
    write_anatomy(write_conditional(tmp_path / "b", -140.0, latent_dim=10), 2.0, 1.0, sandwich=0.1)
    numbers = {"iw_bound": number(-139.0, 0.5), "annealed": number(-138.0, 0.5)}
    for name in ("a", "b"):
        write_evaluation(tmp_path / name, numbers)
    write_report([tmp_path], tmp_path, latex=True)
    for name in ("report.md", "report.html"):
        text = (tmp_path / name).read_text()
        assert "log p(x)" not in text.replace("not compared with a bound on log p(x)", "")
        assert f"Best test bound on {GIVEN}: " in text
        assert f"raises the test bound on {GIVEN} by" in text or f"test bound on {GIVEN}" in text
        assert f"nats below {GIVEN}" in text and f"Why the bound is below {GIVEN}" in text
    latex = (tmp_path / "results.tex").read_text()
    assert r"$\log p(x \mid y)$" in latex and r"$\log p(x)$" not in latex
    assert "given the class y of every image" in latex


def test_a_page_without_a_condition_says_nothing_of_one(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    write_report([tmp_path], tmp_path)
    for name in ("report.md", "report.html"):
        text = (tmp_path / name).read_text()
        assert "condition" not in text and "given" not in text and "bound on log" not in text


def test_the_table_of_runs_has_a_column_for_what_they_are_given(tmp_path: Path) -> None:
    write_three_kinds(tmp_path)
    frame = load_runs(tmp_path)
    given = {"label": 2, "none": 2, "label, 20 known": 1, "label, 100 known": 1}
    assert frame["condition"].value_counts().to_dict() == given


def with_bayes(folder: Path, condition: str, accuracy: float, **more: object) -> Path:
    """Writes a conditional run with the numbers of its classifier."""
    numbers = {
        "bayes_accuracy": number(accuracy, 0.01, "the accuracy by Bayes' rule", samples=5),
        "bayes_calibration_error": number(0.125, 0.01, "the error") | {"if_calibrated": 0.0625},
        "bayes_log_loss": number(0.5, 0.01, "the log loss"),
        "summed_bound": number(-151.0, 0.5, "the bound"),
    }
    return write_conditional(folder, -150.0, condition, picture_metrics=numbers, **more)


def test_a_table_shows_the_classifier_by_bayes_rule_beside_chance(tmp_path: Path) -> None:
    with_bayes(tmp_path / "a", "label", 0.9)
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    table, note = classes.section(PictureMetrics(group))
    assert isinstance(table, Table) and isinstance(note, Note)
    cells = dict(zip(table.headings, table.rows[0], strict=True))
    assert cells["accuracy by Bayes"].text.startswith("90")
    assert cells["calibration error"].text == "0.125 ± 0.010"
    assert cells["by chance"].key == 0.0625 and cells["by chance"].text == "0.0625"
    assert cells["log loss"].key == 0.5 and cells["bound on log p(x)"].key == -151
    assert "known labels" not in cells and "100 test images, 5 draws" in note.text
    # Once is enough.
    assert tables.picture_metrics(PictureMetrics(group)) is None


def test_semi_supervised_runs_show_their_accuracy_by_the_number_of_labels(tmp_path: Path) -> None:
    for count, accuracy in ((100, 0.75), (20, 0.5)):
        metrics = {"elbo/test": -150.0, "recon/test": 144.0, "kl/test": 6.0}
        write_conditional(
            tmp_path / str(count), -150.0, f"label, {count} known",
            metrics=metrics | {"accuracy/test": accuracy},
        )  # fmt: skip
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    table, _ = classes.section(PictureMetrics(group))
    assert isinstance(table, Table)
    assert table.headings == ["setting", "known labels", "accuracy of q(y|x)"]
    assert [[cell.key for cell in row[1:]] for row in table.rows] == [[20, 0.5], [100, 0.75]]


def test_no_estimate_of_a_found_class_stands_beside_a_bound_on_log_p_of_x(tmp_path: Path) -> None:
    write_anatomy(write_conditional(tmp_path / "a", -150.0, "label, 20 known"), 2.0, 1.0)
    write_evaluation(tmp_path / "a", {"iw_bound": number(-99.0, 0.5)})
    write_report([tmp_path], tmp_path, latex=True)
    text = (tmp_path / "report.md").read_text() + (tmp_path / "results.tex").read_text()
    assert "-99" not in text and "pproximation gap" not in text
    assert "one on log p(x), summed over the classes" in text


def test_runs_without_a_condition_have_no_table_of_classifiers(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    assert classes.section(PictureMetrics(group)) == []
