"""Where the note and the tags of a run are shown, and how they are changed."""

import csv
import json
from pathlib import Path

import pytest
from command import QUICK, Command
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_lab.report import load_runs
from vae_lab.report.page import write_report
from vae_lab.run_folder import RunFolder

NOTE = "wider <b>than</b> | before, 100 % `code`"
QUIET = (*QUICK, "callbacks=none")


@pytest.fixture
def sweep(vae_lab: Command, tmp_path: Path) -> Path:
    """A sweep of two finished runs with one note."""
    done = vae_lab("-m", "seed=0,1", "sweep_name=s", f"note={NOTE}", "tags=[baseline,v2]", *QUIET)
    assert done.code == 0
    # All runs agree: said once, below the table.
    table = " ".join(done.out.split())
    assert f"tags: baseline, v2, note: {NOTE}" in table
    return Path("outputs/sweeps/s")


def test_they_are_shown_in_tables_tensorboard_and_the_report(sweep: Path) -> None:
    run = RunFolder(sweep / "linear-z2-stripes-seed0")
    result = run.require_result()
    assert (result.note, result.tags) == (NOTE, ["baseline", "v2"])
    with (sweep / "summary.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["note"], row["tags"]) for row in rows] == [(NOTE, "baseline, v2")] * 2
    frame = load_runs(sweep)
    assert frame["note"].tolist() == [NOTE] * 2 and frame["tags"][0] == ["baseline", "v2"]
    events = EventAccumulator(str(run.path)).Reload()
    (text,) = events.Tensors("note")
    # An indented line is shown as it is.
    expected = f"    tags: baseline, v2; note: {NOTE}"
    assert text.tensor_proto.string_val == [expected.encode()]
    page = write_report([sweep], sweep).page.read_text(encoding="utf-8")
    assert "wider &lt;b&gt;than&lt;/b&gt; | before" in page and "<b>than" not in page
    assert "&lt;b&gt;than&lt;/b&gt; \\| before" in (sweep / "report.md").read_text()


def test_those_of_a_finished_run_are_changed_without_a_training(
    sweep: Path, vae_lab: Command
) -> None:
    run = sweep / "linear-z2-stripes-seed0"
    before = json.loads((run / "result.json").read_text())
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    done = vae_lab(f"resume={run}", "note=it's the best")
    assert done.code == 0 and "note changed, nothing else" in done.err
    assert json.loads((run / "result.json").read_text()) == before | {"note": "it's the best"}
    assert "note: it's the best" in (run / "config.yaml").read_text()
    changed = {path.name for path, time in files.items() if path.stat().st_mtime_ns != time}
    assert changed - {".lock"} == {"result.json", "config.yaml"}
    assert vae_lab(f"resume={run}", "note=null", "tags=[]").code == 0
    result = RunFolder(run).require_result()
    assert (result.note, result.tags) == (None, [])
    assert RunFolder(run).config["note"] is None


def test_a_sweep_that_is_resumed_without_a_note_keeps_that_of_its_runs(
    vae_lab: Command,
) -> None:
    words = ("-m", "seed=0,1", "sweep_name=kept", *QUIET)
    assert vae_lab(*words, "note=remember").code == 0
    run = RunFolder(Path("outputs/sweeps/kept/linear-z2-stripes-seed1"))
    interrupted = run.require_result()
    (run.path / "result.json").write_text(
        json.dumps(json.loads(interrupted.to_json()) | {"status": "interrupted"})
    )
    assert vae_lab(*words).code == 0
    assert RunFolder(run.path).require_result().note == "remember"
