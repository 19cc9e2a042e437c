"""The section on likelihoods: numbers of one protocol, and how the other runs are measured."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from fake_runs import number, write_evaluation, write_run

from vae_lab.evaluations import default_settings, file_name, overrides_of
from vae_lab.report.blocks import Block, Commands, Note, Table
from vae_lab.report.grouping import group_runs
from vae_lab.report.likelihoods import command, section
from vae_lab.report.page import write_report
from vae_lab.report.runs import find_runs


def blocks_of(folder: Path) -> list[Block]:
    (group,), _ = group_runs(find_runs([folder])[0])
    return section(group)


def texts(blocks: list[Block]) -> list[dict[str, str]]:
    """The row of each setting by heading, of all tables together."""
    rows: dict[str, dict[str, str]] = {}
    for table in (block for block in blocks if isinstance(block, Table)):
        for row in table.rows:
            cells = dict(zip(table.headings, (cell.text for cell in row), strict=True))
            rows[cells["setting"]] = rows.get(cells["setting"], {}) | cells
    return list(rows.values())


def notes(blocks: list[Block]) -> str:
    return " ".join(block.text for block in blocks if isinstance(block, Note))


def measured(iw_bound: float, **more: Any) -> dict[str, Any]:
    return {"iw_bound": number(iw_bound, 1.5, samples=500) | more}


def test_a_group_that_was_never_evaluated_has_no_section(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    assert blocks_of(tmp_path) == []


def test_the_table_has_a_row_per_setting_with_the_mean_over_its_seeds(tmp_path: Path) -> None:
    for seed, value in enumerate((-149.0, -147.0)):
        folder = write_run(tmp_path / f"low{seed}", elbo=-150.0, seed=seed)
        numbers = {"knn_accuracy": number(0.5 + seed / 10, 0.02), "active_units": number(2)}
        write_evaluation(folder, measured(value) | numbers)
    high = write_run(tmp_path / "high", elbo=-110.0, latent_dim=10)
    information = {
        "mutual_information_lower": number(4.0, 0.1),
        "mutual_information_upper": number(5.0, 0.1),
    }
    write_evaluation(high, measured(-105.0) | information)
    low, other = texts(blocks_of(tmp_path))
    assert low["iw_bound"].startswith("-148.0") and "1.4" in low["iw_bound"]
    assert low["kNN accuracy"].startswith("55") and low["active units"] == "2"
    assert (
        "information" in low
        and low["information"] == "–"
        and other["information"] == "4.00 to 5.00"
    )
    assert other["iw_bound"] == "-105.0 ± 1.5" and "exact" not in other
    (part,) = json.loads(
        (write_report([tmp_path], tmp_path).page.parent / "report.json").read_text()
    )["parts"]
    assert part["evaluation"] == "evaluation-test-best-k500-0.json"
    assert [it["likelihoods"]["iw_bound"]["mean"] for it in part["settings"]] == [-148.0, -105.0]
    assert "not measured" not in notes(blocks_of(tmp_path)).lower()


def test_numbers_of_two_protocols_never_stand_in_one_column(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / name, elbo=-150.0, latent_dim=z)
        for name, z in zip("abc", (2, 3, 4), strict=True)
    ]
    for folder in folders[:2]:
        write_evaluation(folder, measured(-149.0), samples=50)
    write_evaluation(folders[1], measured(-148.0), samples=5000)
    write_evaluation(folders[2], measured(-147.0), samples=5000)
    write_evaluation(folders[2], measured(-146.0), samples=9000)
    # Two protocols with two runs each: that of more samples.
    blocks = blocks_of(tmp_path)
    assert [row["iw_bound"] for row in texts(blocks)] == ["-148.0 ± 1.5", "-147.0 ± 1.5"]
    assert "5,000 samples per image, 100 test images" in notes(blocks)
    assert "Not measured like this: a." in notes(blocks)
    (commands,) = (block for block in blocks if isinstance(block, Commands))
    assert shlex.split(commands.lines[0])[3:] == [str(folders[0]), "num_samples=5000"]


def test_a_setting_of_which_one_seed_is_not_measured_has_no_mean(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"low{seed}", elbo=-150.0, seed=seed)
    write_evaluation(tmp_path / "low0", measured(-149.0))
    write_evaluation(write_run(tmp_path / "b", elbo=-1.0, latent_dim=9), measured(-2.0))
    (row,) = texts(blocks_of(tmp_path))
    assert row["setting"] == "z9"


def test_what_speaks_against_the_numbers_is_said(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", elbo=-150.0)
    numbers = measured(-149.0, warning="still rising")
    numbers["iw_bound"]["protocol"]["targets_are_means"] = True
    write_evaluation(folder, numbers)
    told = notes(blocks_of(tmp_path))
    assert "may be too low" in told and "are not likelihoods" in told


def test_an_evaluation_of_other_weights_or_of_another_run_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", elbo=-150.0)
    write_evaluation(folder, measured(-149.0), weights="last")
    path = write_evaluation(folder, measured(-148.0))
    earlier = json.loads(path.read_text())
    for change in ({"weights_epoch": 2}, {"weights": "other"}):
        path.write_text(json.dumps(earlier | {"protocol": earlier["protocol"] | change}))
        assert blocks_of(tmp_path) == []
    for spoilt in ({"config_hash": "other"}, {"numbers": [1]}, {"settings": 7}):
        path.write_text(json.dumps(earlier | spoilt))
        assert blocks_of(tmp_path) == []
    path.write_text(json.dumps(earlier))
    assert len(texts(blocks_of(tmp_path))) == 1


def test_the_command_names_the_sweep_and_what_is_not_the_default(tmp_path: Path) -> None:
    runs = [tmp_path / "my sweep" / name for name in "ab"]
    runs[0].parent.mkdir()
    assert shlex.split(command(runs, []))[3:] == [str(run) for run in runs]
    (runs[0].parent / "command.txt").touch()
    assert shlex.split(command(runs, ["seed=1"]))[3:] == [str(runs[0].parent), "seed=1"]
    settings = default_settings() | {"num_images": 50, "seed": 3, "threads": 2}
    assert sorted(overrides_of(settings)) == ["num_images=50", "seed=3"]


@pytest.mark.parametrize("key", ["threads", "device", "decoder_batch", "trust"])
def test_settings_that_change_no_value_change_no_name(key: str) -> None:
    settings = default_settings()
    name = file_name("best", settings)
    assert file_name("best", settings | {key: "other"}) == name
    assert file_name("best", settings | {"num_images": 7}) != name
    assert "of-images-abc" in file_name("best", settings, "abc")


def test_annealed_importance_sampling_has_its_sandwich_and_its_warning(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", elbo=-150.0)
    annealed = number(-148.0, 1.5) | {"warning": "the sandwich is wide"}
    write_evaluation(folder, {"annealed": annealed, "sandwich": number(0.4, 0.1)}, ais=True)
    blocks = blocks_of(tmp_path)
    (row,) = texts(blocks)
    assert (row["annealed"], row["sandwich"]) == ("-148.0 ± 1.5", "0.40 ± 0.10")
    told = notes(blocks)
    assert "which is too low on average" in told and "of a: the sandwich is wide." in told
