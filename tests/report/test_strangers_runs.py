"""Runs that somebody made up, beside a good one: left out with the reason, or read right."""

import json
import os
import shutil
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import picture_metrics, write_events, write_run
from html_elements import Elements
from PIL import Image

from vae_lab.config.identity import config_hash
from vae_lab.errors import UserError
from vae_lab.reading import parse_json, parse_yaml
from vae_lab.report import load_runs
from vae_lab.report import page as page_module
from vae_lab.report.page import write_report
from vae_lab.report.runs import find_runs
from vae_lab.report.summary import row
from vae_lab.run_folder import RunFolder, RunResult

# One value of each wrong kind, as JSON text.
WRONG = (
    '"x"',
    "7",
    "-1",
    "1e999",
    "NaN",
    "1" + "0" * 400,
    "true",
    "[1]",
    '{"a": 1}',
    '{"a": "x", "train": "x", "total": "x", "elbo/test": "x"}',
    '"\\u001b[31m\\ud800"',
    '"' + "y" * 200_000 + '"',
    "[" * 5_000 + "]" * 5_000,
)
KEYS = ("seed", "latent_dim", "callbacks", "likelihood", "data", "optimizer", "model")


def change(folder: Path, field: str, value: str) -> None:
    """Puts a value, as JSON text, into a run's result."""
    result = json.loads((folder / "result.json").read_text())
    result[field] = "PLACE"
    text = json.dumps(result).replace('"PLACE"', value)
    (folder / "result.json").write_text(text)


def with_config(folder: Path, **values: Any) -> None:
    """Puts values into a run's configuration, and its right hash into the result."""
    config = json.loads((folder / "config.yaml").read_text()) | values
    (folder / "config.yaml").write_text(json.dumps(config))
    del config["choices"]
    change(folder, "config_hash", json.dumps(config_hash(config)))


def hostile_runs(folder: Path) -> int:
    """Writes a run for each field and each wrong kind of value; returns how many."""
    count = 0
    for field in [each.name for each in fields(RunResult)]:
        for value in WRONG:
            change(write_run(folder / f"r{count}", elbo=-120.0, seed=count), field, value)
            count += 1
    for key in KEYS:
        for wrong in ("x", 7, None, [1], {"a": [1]}, {"_target_": 5, "scale": 0}):
            with_config(write_run(folder / f"r{count}", elbo=-120.0, seed=count), **{key: wrong})
            count += 1
    return count


def good_run(folder: Path) -> Path:
    metrics = picture_metrics(sharpness=0.3, precision=0.9)
    run = write_run(folder, elbo=-110.0, latent_dim=7, picture_metrics=metrics)
    write_events(run, {"elbo/val": [-200.0, -160.0], "elbo/train": [-300.0, -170.0]})
    return run


def test_of_every_field_with_every_wrong_value_the_good_run_is_read(tmp_path: Path) -> None:
    count = hostile_runs(tmp_path)
    good_run(tmp_path / "good")
    runs, skipped = find_runs([tmp_path])
    assert "good" in {run.name for run in runs}
    assert len(runs) + len(skipped) == count + 1 and len(skipped) > count // 2
    assert all(one.reason and len(one.reason) < 1000 for one in skipped)
    frame = load_runs(tmp_path)
    assert "good" in set(frame["run"])
    assert len(frame) + len(frame.attrs["left_out"]) == count + 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", '"x"'),
        ("versions", '"x"'),
        ("latent", '{"kl_per_dimension": ["x"]}'),
        ("data", '{"test": null}'),
        ("data", '{"labels": [1]}'),
        ("seconds", '{"total": 1' + "0" * 400 + "}"),
        ("metrics", '{"elbo/test": 1e999}'),
        ("standard_errors", "[1]"),
        ("protocol", "[1]"),
    ],
)
def test_a_value_of_another_kind_leaves_a_run_out(tmp_path: Path, field: str, value: str) -> None:
    change(write_run(tmp_path / "bad", elbo=-120.0), field, value)
    good_run(tmp_path / "good")
    runs, (skipped,) = find_runs([tmp_path])
    assert [run.name for run in runs] == ["good"] and skipped.path.name == "bad"


def test_what_fails_only_in_the_page_is_left_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        write_run(tmp_path / f"run{seed}", elbo=-120.0 - seed, latent_dim=seed + 2)
    made = page_module._chapters

    def chapters(metrics: Any, *more: Any) -> Any:
        names = {run.name for of_group in metrics for run in of_group.group.runs}
        if "run1" in names and len(names) > limits[0]:
            raise TypeError("a value of no kind")
        return made(metrics, *more)

    monkeypatch.setattr(page_module, "_chapters", chapters)
    limits = [0, 1]  # it fails alone, or only beside others
    while limits:
        written = write_report([tmp_path], tmp_path)
        assert written.num_runs == 2
        ((path, reason),) = written.skipped
        assert path.name == "run1" and "TypeError: a value of no kind" in reason
        assert reason in Elements(written.page.read_text()).text
        assert "a value of no kind" in (tmp_path / "report.md").read_text()
        del limits[0]


@pytest.mark.parametrize("callbacks", ["x", [1], {"reconstructions": "x"}])
def test_settings_of_no_kind_cost_a_run_its_strips_only(tmp_path: Path, callbacks: Any) -> None:
    with_config(write_run(tmp_path / "bad", elbo=-120.0), callbacks=callbacks)
    good_run(tmp_path / "good")
    written = write_report([tmp_path], tmp_path)
    assert written.num_runs == 2 and not written.skipped


def damaged(path: Path, kind: str) -> None:
    data = path.read_bytes()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "array":
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path.with_suffix(".npy").rename(path)
    elif kind == "packed":
        np.savez_compressed(path, elbo=np.zeros(10), recon=np.zeros(10), kl=np.zeros(10))
    elif kind == "texts":
        np.savez(path, elbo=np.array(["x"]), recon=np.array(["x"]), kl=np.array(["x"]))
    elif kind == "lengths":
        np.savez(path, elbo=np.zeros(1), recon=np.zeros(2), kl=np.zeros(3))
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif kind == "link":
        path.rename(path.parents[2] / "outside")
        path.symlink_to(path.parents[2] / "outside")
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.filelist *= 50  # one part under fifty entries
            archive.writestr("more", b"")  # so that the directory is written anew


KINDS = ("empty", "cut", "array", "packed", "texts", "lengths", "pipe", "link", "overlap")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_of_values_leaves_its_run_out(tmp_path: Path, kind: str) -> None:
    damaged(write_run(tmp_path / "runs" / "bad", elbo=-120.0) / "per_image.npz", kind)
    good_run(tmp_path / "runs" / "good")
    runs, (skipped,) = find_runs([tmp_path / "runs"])
    assert [run.name for run in runs] == ["good"]
    assert "per_image.npz" in skipped.reason


@pytest.mark.parametrize("name", ["result.json", "config.yaml", "events.out.tfevents.9.x"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_no_file_of_a_run_is_a_way_out_or_waits(tmp_path: Path, name: str, kind: str) -> None:
    bad = write_run(tmp_path / "runs" / "bad", elbo=-120.0)
    good_run(tmp_path / "runs" / "good")
    path = bad / name
    if kind == "link":
        (tmp_path / "private").write_bytes(path.read_bytes() if path.exists() else b"")
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "private")
    runs, skipped = find_runs([tmp_path / "runs"])
    assert [run.name for run in runs] == ["good"]
    assert [one.path.name for one in skipped] == ["bad"]


def test_a_picture_is_read_as_a_png_of_the_folder_and_never_as_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: pytest.fail(f"{name} is looked for"))
    run = write_run(tmp_path / "runs" / "a", elbo=-120.0)
    figures = run / "figures"
    figures.mkdir()
    secret = tmp_path / "secret.png"
    Image.fromarray(np.full((9, 9), 77, np.uint8)).save(secret)
    page = tmp_path / "runs" / "report.html"
    (figures / "samples_0002.png").symlink_to(secret)
    write_report([tmp_path / "runs"], tmp_path / "runs")
    assert "These runs drew none" in Elements(page.read_text()).text
    (figures / "samples_0002.png").unlink()
    postscript = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    for content in (postscript.encode(), b"", secret.read_bytes()[:30]):
        (figures / "samples_0002.png").write_bytes(content)
        write_report([tmp_path / "runs"], tmp_path / "runs")
        assert "These runs drew none" in Elements(page.read_text()).text
    huge = Image.new("1", (13_000, 13_000))
    huge.save(figures / "samples_0002.png")
    write_report([tmp_path / "runs"], tmp_path / "runs")
    assert "These runs drew none" in Elements(page.read_text()).text


def test_pages_are_new_files_whatever_links_lie_in_wait(tmp_path: Path) -> None:
    run = good_run(tmp_path / "run")
    victim = tmp_path / "diary.txt"
    victim.write_text("mine")
    for name in ("report.html", "report.md", "summary.csv"):
        (run / f".{name}.{os.getpid()}.vae-lab-partial").symlink_to(victim)
    (run / "command.txt").symlink_to(victim)
    write_report([run], run)
    assert victim.read_text() == "mine" and not (run / "report.html").is_symlink()
    assert "mine" not in (run / "report.html").read_text().split("<code>")[1:]


def test_a_large_event_file_without_content_costs_nothing(tmp_path: Path) -> None:
    run = good_run(tmp_path / "run")
    with (run / "events.out.tfevents.8.sparse").open("wb") as file:
        file.truncate(8 << 30)
    ((found,), _) = find_runs([run])
    assert found.curves["elbo/val"] == {1: -200.0, 2: -160.0}


def test_infinite_points_are_in_no_curve(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", elbo=-1.0)
    write_events(run, {"elbo/val": [-np.inf, np.nan, -160.0], "elbo/train": [-np.inf]})
    ((found,), _) = find_runs([run])
    assert found.curves == {"elbo/val": {3: -160.0}}
    write_report([run], run)


def test_aliases_and_levels_of_a_configuration_are_refused_before_they_are_copied() -> None:
    lines = ["a0: &a0 [1]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 9)]
    for text in ("\n".join(lines), "[" * 2_000, "a: " + "{b: " * 30 + "1" + "}" * 30):
        with pytest.raises(Exception, match=r"aliases|levels|expected"):
            parse_yaml(text.encode())
    assert parse_yaml(b"a: 1e-3\nb: ${c}\n") == {"a": 1e-3, "b": "${c}"}


def test_texts_are_printable_and_cells_are_no_formulas() -> None:
    read = parse_json('{"a": ["\\u001b[31mred\\u202e", "\\ud800", "é日\\n"]}')
    assert read == {"a": ["\\x1b[31mred\\u202e", "\\ud800", "é日\n"]}
    for name in ("=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1"):
        assert row(RunResult(name=name))["run"] == f"'{name}"
    cells = row(RunResult(name="a", metrics={"elbo/test": -84.4}))
    assert cells["run"] == "a" and cells["elbo/test"] == "-84.40"


def test_a_result_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", elbo=-1.0)
    with (run / "result.json").open("ab") as file:
        file.truncate(17 << 20)
    assert RunFolder(run).result is None
    with pytest.raises(UserError, match="at most 16,777,216 are read"):
        RunFolder(run).read_result()
