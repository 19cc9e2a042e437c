"""Which runs are compared, and what is read of them."""

import csv
import json
import math
from pathlib import Path

import pytest
from fake_runs import number, picture_metrics, write_evaluation, write_events, write_run
from html_elements import Elements
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from vae_lab.errors import UserError
from vae_lab.loggers.event_files import read_curves
from vae_lab.reading import parse_yaml
from vae_lab.report import load_runs
from vae_lab.report.page import write_report
from vae_lab.report.runs import Run, find_runs
from vae_lab.report.summary import result_of, row, write_rows, write_summary


def test_runs_that_are_none_or_not_finished_are_listed_and_left_out(tmp_path: Path) -> None:
    good = write_run(tmp_path / "good", elbo=-150.0)
    write_run(tmp_path / "failed", elbo=-150.0, seed=1, status="failed", error="Boom: no")
    write_run(tmp_path / "going", elbo=-150.0, seed=2, status="running")
    write_run(tmp_path / "changed", elbo=-150.0, seed=3)
    (tmp_path / "changed" / "config.yaml").write_text("seed: 7\n")
    write_run(tmp_path / "blank", elbo=-150.0, seed=4, metrics={})
    (tmp_path / "foreign" / "deep").mkdir(parents=True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "result.json").write_text("{")
    write_run(tmp_path / "again", elbo=-150.0)
    runs, skipped = find_runs([tmp_path])
    assert {run.folder.name for run in runs} in ({"good"}, {"again"})
    reasons = {one.path.name: one.reason for one in skipped}
    assert reasons["failed"] == "failed: Boom: no"
    assert reasons["going"].startswith("unfinished")
    assert "is not the configuration of this run" in reasons["changed"]
    assert reasons["broken"].startswith("its result.json cannot be read: ")
    assert reasons["foreign"].startswith("holds no result.json")
    assert reasons["blank"] == "has no test bound"
    assert "the same configuration and seed" in (reasons.get("again") or reasons["good"])
    written = write_report([tmp_path], tmp_path)
    text = Elements(written.page.read_text()).text
    for one in skipped:
        assert one.reason in text and str(one.path) in text
    assert good.is_dir()


def test_an_empty_folder_and_none_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run in"):
        find_runs([tmp_path])
    with pytest.raises(UserError, match="is not a folder"):
        find_runs([tmp_path / "nowhere"])


def test_settings_of_a_run_leave_out_what_changes_no_figure(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-1.0, config={"report": {"seed": 1}, "sweep_name": "x"})
    (run,), _ = find_runs([tmp_path])
    assert isinstance(run, Run)
    assert not {"report.seed", "sweep_name"} & set(run.settings)


def test_curves_are_those_of_tensorboards_own_reader(tmp_path: Path) -> None:
    path = write_events(tmp_path, {"elbo/val": [-200.0, -160.0], "elbo/train": [-300.0]})
    expected: dict[str, dict[int, float]] = {}
    for event in LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.HasField("simple_value"):
                expected.setdefault(value.tag, {})[event.step] = value.simple_value
    assert read_curves(tmp_path) == expected and len(expected) == 2
    # What was being written when the machine stopped.
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        read_curves(tmp_path)


def test_a_data_frame_has_a_row_for_each_run(tmp_path: Path) -> None:
    write_run(
        tmp_path / "a", elbo=-150.0, picture_metrics=picture_metrics(sharpness=0.3, precision=0.9)
    )
    write_run(tmp_path / "b", elbo=-110.0, latent_dim=10)
    frame = load_runs(tmp_path).set_index("run")
    assert frame.loc["a", "elbo/test"] == -150.0 and frame.loc["b", "latent_dim"] == 10
    assert frame.loc["a", "sharpness_of_samples"] == 0.3 and frame.loc["a", "model"] == "linear"
    assert frame.loc["a", "digits_of_samples/8"] == 0.3
    assert bool(frame["sharpness_of_samples"].isna()["b"])


def test_an_evaluation_is_preferred_where_it_is_of_these_weights(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "a", elbo=-1.0, picture_metrics=picture_metrics(sharpness=0.3, precision=1)
    )
    result = json.loads((folder / "result.json").read_text())
    finer = picture_metrics(sharpness=0.4, precision=1)
    for weights in ("best", "last"):
        evaluation = {
            "config_hash": result["config_hash"],
            "protocol": {"weights": weights},
            "findings": finer,
        }
        (folder / f"evaluation-test-{weights}-k1-0.json").write_text(json.dumps(evaluation))
    (folder / "evaluation-test-old.json").write_text('{"config_hash": 1}')
    (run,), _ = find_runs([tmp_path])
    assert [numbers["sharpness_of_samples"].value for numbers in run.picture_metrics] == [0.4, 0.3]


def test_a_data_frame_has_what_the_largest_evaluation_found(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-110.0, latent_dim=10)
    for samples, value in ((50, -148.0), (5000, -147.0), (500, -147.5)):
        numbers = {
            "elbo": number(-150.0, 1.5),
            "iw_bound": number(value, 1.25),
            "exact": number(-146.0, None),
        }
        path = write_evaluation(folder, numbers, samples=samples)
    frame = load_runs(tmp_path).set_index("run")
    found = frame.loc["a"]
    assert found["iw_bound"] == -147.0 and found["iw_bound standard error"] == 1.25
    assert found["exact"] == -146.0 and found["evaluation"] == path.name.replace("k500", "k5000")
    assert "elbo" not in frame, "elbo/test it is"
    assert bool(frame["iw_bound"].isna()["b"])


def table_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_table_of_a_sweep_keeps_its_order_and_gets_what_was_evaluated(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, elbo=-150.0, latent_dim=z)
        for name, z in (("b", 2), ("a", 3), ("failed", 4))
    ]
    lost = {"run": "lost", "status": "failed", "path": str(tmp_path / "lost")}
    rows = [row(result_of(run)) | {"path": str(run)} for run in runs]
    # A job whose folder holds another run.
    refused = rows[2] | {"status": "failed", "elbo/test": ""}
    write_rows(tmp_path, [rows[0], lost, refused, rows[1]])
    before = table_of(tmp_path)
    numbers = {"iw_bound": number(-148.25, 1.25), "recall": number(0.5, 0.01)}
    for run in runs:
        write_evaluation(run, numbers)
    write_run(tmp_path / "new", elbo=-150.0, latent_dim=5)
    write_report([tmp_path], tmp_path)
    table = table_of(tmp_path)
    assert [cells["run"] for cells in table] == ["b", "lost", "failed", "a", "new"]
    assert [cells["iw_bound"] for cells in table] == ["-148.25", "", "", "-148.25", ""]
    assert table[0]["iw_bound standard error"] == "1.25" and table[0]["recall"] == "0.5"
    assert table[0]["exact"] == "" and table[0]["elbo/test"] == "-150.00"
    assert table[1:3] == before[1:3], "those that failed stay as they are"
    # Elsewhere, the same; and anew of several folders, those of both.
    write_report([tmp_path], tmp_path / "there")
    assert table_of(tmp_path / "there") == table
    write_report([runs[0], runs[1]], tmp_path / "two")
    assert len(table_of(tmp_path / "two")) == 2


@pytest.mark.parametrize(
    "text", ["", "run,status,elbo/test\na\n", "run,status,elbo/test\na,b,c,d,e\n"]
)
def test_a_damaged_table_is_written_anew(text: str, tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    (tmp_path / "earlier.csv").write_text(text)
    write_summary(tmp_path, [tmp_path / "a"], tmp_path / "earlier.csv")
    (cells,) = table_of(tmp_path)
    assert cells["run"] == "a" and cells["elbo/test standard error"]


def test_the_rows_and_what_was_left_out_of_a_data_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, fingerprint in enumerate(("aaaa", "bbbb", "bbbb")):
        data = {"name": "npz:my.npz", "test": 400, "fingerprint": fingerprint}
        write_run(tmp_path / str(place), elbo=-150.0, data=data, name=f"run{place}")
    frame = load_runs(tmp_path)
    # The same configuration twice: other images make another run, the same ones a copy.
    assert sorted(frame["fingerprint"]) == ["aaaa", "bbbb"]
    ((folder, reason),) = frame.attrs["left_out"]
    assert reason.startswith("the same configuration and seed as")
    assert f"left out 1 folder (attrs['left_out']); {folder}: {reason}" in capsys.readouterr().err


def test_a_bound_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "good", elbo=-150.0)
    metrics = {"elbo/test": math.nan}
    write_run(tmp_path / "bad", elbo=-150.0, seed=1, metrics=metrics)
    _, (skipped,) = find_runs([tmp_path])
    assert skipped == (tmp_path / "bad", "its test bound is nan")


VALUES = """
exponent: 1e-3
text: '1e-3'
plain: 0x1F
grouped: 1_000
date: 2024-01-01
time: 12:30:45
nothing: null
tilde: ~
truth: [yes, on, true]
infinite: [.inf, -.INF, .nan]
interpolation: ${oc.env:HOME}
1: key
"""


def test_a_configuration_is_read_as_omegaconf_reads_it() -> None:
    expected = OmegaConf.to_container(OmegaConf.create(VALUES), resolve=False)
    assert repr(parse_yaml(VALUES.encode())) == repr(expected)
    # And what OmegaConf writes comes back, whatever looks like something else.
    config = {"a": "1e-3", "b": 1e-5, "c": ["2024-01-01", "null", "~", ""], "d": {"e": None}}
    assert parse_yaml(OmegaConf.to_yaml(config).encode()) == config
    with pytest.raises(ValueError, match="aliases"):
        parse_yaml(b"a: &a [1]\nb: *a\n")
