"""Scores of disentanglement in a report: a row for the codes of a setting, a row for each null."""

from pathlib import Path
from typing import Any

from fake_runs import number, write_evaluation, write_run

from vae_lab.report import disentanglement
from vae_lab.report.blocks import Note, Table
from vae_lab.report.grouping import Group, group_runs
from vae_lab.report.page import write_report
from vae_lab.report.runs import find_runs


def score(value: float) -> dict[str, Any]:
    nulls = {"null_random": 0.03, "null_random_deviation": 0.01}
    nulls |= {"null_permuted": 0.02, "null_permuted_deviation": 0.01}
    record = number(value, 0.02, "the gap", factors="shape, x, y") | nulls
    record["protocol"]["error"] = "jackknife over 20 groups of images"
    return record


def group_of(folder: Path) -> Group:
    for z in (2, 10):
        for seed in (0, 1):
            run = write_run(folder / f"z{z}-{seed}", elbo=-150.0 + z, latent_dim=z, seed=seed)
            write_evaluation(run, {"mig": score(0.1 * z + 0.1 * seed), "sap": score(0.25)})
    (group,), _ = group_runs(find_runs([folder])[0])
    return group


def test_each_setting_has_its_mean_over_seeds_and_both_nulls(tmp_path: Path) -> None:
    table, note, protocol = disentanglement.section(group_of(tmp_path), "")
    assert isinstance(table, Table) and isinstance(note, Note) and isinstance(protocol, Note)
    assert table.headings == ["setting", "of", "MIG", "SAP"]
    assert [[cell.text for cell in row[:2]] for row in table.rows] == [
        [label, of]
        for label in ("z2", "z10")
        for of in ("codes", "random codes", "permuted factors")
    ]
    means = [round(float(row[2].key), 3) for row in table.rows]
    assert means == [0.25, 0.03, 0.02, 1.05, 0.03, 0.02]
    assert table.rows[0][2].text == "0.250 (sd 0.071)"
    assert table.rows[1][2].text == "0.030 ± 0.010"
    assert "Factors: shape, x, y; 100 test images" in protocol.text


def test_a_page_has_the_scores_and_one_without_factors_has_none(tmp_path: Path) -> None:
    group_of(tmp_path / "a")
    write_report([tmp_path / "a"], tmp_path / "a")
    assert "random codes" in (tmp_path / "a" / "report.md").read_text()
    write_run(tmp_path / "b" / "run", elbo=-150.0)
    write_report([tmp_path / "b"], tmp_path / "b")
    assert "Known factors" not in (tmp_path / "b" / "report.md").read_text()
