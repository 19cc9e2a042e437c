"""SQL over all runs: answers, names of columns, limits, and what is told of a mistake."""

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runs import number, write_evaluation, write_run
from many_runs import bound_of, write_sixty
from rich.console import Console

from vae_lab.desk import query
from vae_lab.desk.tables import database, printing
from vae_lab.desk.tables.columns import columns_of
from vae_lab.desk.tables.database import RunDatabase
from vae_lab.desk.tables.names import as_word
from vae_lab.errors import UserError


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sixty(tmp_path_factory.mktemp("desk") / "runs")


@pytest.fixture(scope="module")
def runs(sixty: Path) -> RunDatabase:
    return RunDatabase([sixty])


def test_a_query_finds_what_the_runs_hold(runs: RunDatabase) -> None:
    answer = runs.select(
        'select run, model, "elbo/test" from runs where latent_dim=10 order by "elbo/test" desc'
    )
    assert answer.columns == ["run", "model", "elbo/test"]
    assert len(answer.rows) == 20 and answer.is_complete
    assert answer.rows[0] == ("conv-z10-seed0", "conv", bound_of("conv", 10, 0))
    assert answer.rows[-1] == ("linear-z10-seed9", "linear", bound_of("linear", 10, 9))


@pytest.mark.parametrize("name", ["elbo_test", '"elbo/test"', "ELBO_TEST", '"elbo_test"'])
def test_a_column_has_its_own_name_and_one_of_a_word(runs: RunDatabase, name: str) -> None:
    answer = runs.select(f"select max({name}) from runs group by model order by max({name})")
    assert [row[0] for row in answer.rows] == [bound_of("linear", 10, 0), bound_of("conv", 10, 0)]


def test_names_in_texts_and_comments_stay(runs: RunDatabase) -> None:
    text = "select 'elbo_test' as said, count(*) from runs -- \"elbo/test\" and elbo_test\n"
    assert runs.select(text).rows == [("elbo_test", 60)]


@pytest.mark.parametrize(
    ("name", "word"),
    [("elbo/test", "elbo_test"), ("optimizer.lr", "optimizer_lr"),
     ("elbo/test standard error", "elbo_test_standard_error"), ("2nd", "_2nd"), ("größe", "größe")],
)  # fmt: skip
def test_the_word_of_a_column(name: str, word: str) -> None:
    assert as_word(name) == word


def test_epochs_evaluations_and_what_is_left_out_are_tables(tmp_path: Path) -> None:
    write_sixty(tmp_path)
    first = tmp_path / "conv-z2-seed0"
    write_evaluation(first, {"iw_bound": number(-120.5, 0.25, "the bound of 500 samples")})
    write_run(tmp_path / "stopped", elbo=-1.0, seed=77, status="failed", error="Boom")
    runs = RunDatabase([tmp_path])
    answer = runs.select("select count(*), max(elbo_val) from epochs where epoch = 3")
    assert answer.rows == [(60, bound_of("conv", 10, 0) - 1)]
    answer = runs.select("select run, name, value, standard_error from evaluations")
    assert answer.rows == [("conv-z2-seed0", "iw_bound", -120.5, 0.25)]
    assert runs.select("select iw_bound from runs where iw_bound is not null").rows == [(-120.5,)]
    answer = runs.select("select folder, reason from left_out")
    assert answer.rows == [(str(tmp_path / "stopped"), "failed: Boom")]
    answer = runs.select(
        "select r.model, min(e.elbo_val) from runs r join epochs e using (folder) group by r.model"
    )
    assert dict(answer.rows) == {
        "conv": bound_of("conv", 2, 9) - 20,
        "linear": bound_of("linear", 2, 9) - 20,
    }


def test_tables_without_rows_have_their_columns(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-1.0)
    runs = RunDatabase([tmp_path])
    for table, column in (("epochs", "epoch"), ("evaluations", "value"), ("left_out", "reason")):
        assert runs.select(f"select {column} from {table}").rows == []


@pytest.mark.parametrize(
    "text",
    ["delete from runs", "drop table runs", "update runs set seed=1", "attach 'other.db' as other",
     "pragma table_info(runs)", "create table x (y)", "vacuum into 'copy.db'", "begin",
     "insert into runs (run) values ('x')", "select load_extension('x')",
     "select * from pragma_table_info('runs')"],
)  # fmt: skip
def test_a_query_only_reads(
    runs: RunDatabase, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        runs.select(text)
    assert [*tmp_path.iterdir()] == []
    assert runs.select("select count(*) from runs").rows == [(60,)]


def test_what_a_query_takes_has_limits(runs: RunDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = "with recursive a(x) as (select 1 union all select x + 1 from a) select x from a"
    monkeypatch.setattr(database, "MOST_ROWS", 50)
    answer = runs.select(f"{counting} limit 51")
    assert (len(answer.rows), answer.is_complete) == (50, False)
    assert runs.select(f"{counting} limit 50").is_complete
    monkeypatch.setattr(database, "MOST_SECONDS", 0.01)
    with pytest.raises(UserError, match=r"took more than 0\.01 seconds"):
        runs.select(counting.replace("select x from a", "select sum(x) from a"))
    with pytest.raises(UserError, match="too big"):
        runs.select("select hex(zeroblob(1000000000))")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select latnet_dim from runs", "select latent_dim from runs' --in there"),
        ('select "latnet_dim" from runs', "select latent_dim from runs' --in there"),
        ("select elbo/test from runs", "elbo/test in SQL is elbo_test"),
        ("select optimizer.lr from runs", "optimizer.lr in SQL is optimizer_lr"),
        ("select elbo from runs", "Type: python -m vae_lab query 'select elbo_test from runs'"),
        ("select zzz from runs", "To see all, type: python -m vae_lab query --columns --in there"),
        ("select run from run", "the tables are runs, epochs, evaluations, left_out"),
        ("select run from runs; select 1", "one statement"),
        ("select run form runs", "syntax error"),
        ("", "the query is empty"),
    ],
)
def test_a_mistake_is_told_with_the_line_to_type(sixty: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        RunDatabase([sixty], ["--in", "there"]).select(text)
    said = re.sub(r"\S*python\S* -m", "python -m", str(caught.value))
    assert words in said
    assert "\n" not in said


def test_names_that_sqlite_takes_for_one_are_kept_apart(tmp_path: Path) -> None:
    config = {"own": {"Rate": 1, "rate": 2, 'q"]': 3}, "widths": ["a", "b"], "on": True}
    write_run(tmp_path / "a", elbo=-1.0, config=config)
    runs = RunDatabase([tmp_path])
    answer = runs.select('select "own.Rate", "own.rate 2", "on", widths from runs')
    assert answer.rows == [(1, 2, 1, '["a", "b"]')]
    answer = runs.select("select value from runs, json_each(widths)")
    assert [row[0] for row in answer.rows] == ["a", "b"]
    assert runs.select("select * from runs").is_complete


def ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[str, str]:
    monkeypatch.setattr(sys, "argv", ["query.py", *words])
    query.main()
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_the_answer_as_table_and_csv(
    sixty: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "select run, latent_dim, elbo_test from runs where seed=1 order by elbo_test limit 2"
    printed, _ = ask(capsys, monkeypatch, text, "--in", str(sixty))
    lines = [line.split() for line in printed.splitlines() if line.strip()]
    assert lines[0] == ["run", "latent_dim", "elbo/test"]
    assert lines[2] == ["linear-z2-seed1", "2", "-142.25"]
    printed, _ = ask(capsys, monkeypatch, text, "--in", str(sixty), "--csv")
    rows = [*csv.DictReader(io.StringIO(printed))]
    assert [float(row["elbo/test"]) for row in rows] == [-142.25, -132.25]
    printed, _ = ask(capsys, monkeypatch, "select '=1+1' as x", "--in", str(sixty), "--csv")
    assert printed == "x\n'=1+1\n"


def test_a_table_fits_the_terminal(
    sixty: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(width=50, force_terminal=True, color_system=None)
    monkeypatch.setattr(printing, "console", lambda: screen)
    monkeypatch.setattr(screen, "file", io.StringIO())
    text = "select run, elbo_test, folder, kl_test, recon_test, epochs from runs where seed = 3"
    _, note = ask(capsys, monkeypatch, text, "--in", str(sixty))
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert max(map(len, lines)) <= 50
    assert lines[1].split() == ["run", "elbo/test", "folder"]
    # A text continues in the next line, a number does not.
    assert any(
        line.strip() and not line.split()[0].startswith(("conv", "linear")) for line in lines
    )
    assert "3 of 6 columns fit into 50 characters" in note


def test_without_a_query_the_columns_are_listed(
    sixty: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed, _ = ask(capsys, monkeypatch, "--in", str(sixty))
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    assert rows["latent_dim"] == ["2", "to", "10"]
    assert rows["optimizer_lr"] == ["0.005,", "0.01"]
    assert "epochs" not in rows
    printed, _ = ask(capsys, monkeypatch, "--in", str(sixty), "--columns")
    assert {line.split()[0] for line in printed.splitlines() if line.strip()} >= {"epochs", "model"}


def test_a_column_says_what_it_holds() -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 3, "b": "y"}, {"a": 2, "c": [1]}]
    descriptions = {it.name: (it.num_runs, it.description) for it in columns_of(rows)}
    assert descriptions == {"a": (3, "1 to 3"), "b": (2, "x, y"), "c": (1, "[1]")}


def test_with_json_the_answer_is_one_document(sixty: Path) -> None:
    words = ["query", "select model, count(*) as n from runs group by model", "--in", str(sixty)]
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", *words, "--json"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    outcome = json.loads(done.stdout)
    assert outcome["command"] == "query" and outcome["num_runs"] == 60
    assert outcome["rows"] == [{"model": "conv", "n": 30}, {"model": "linear", "n": 30}]


def test_without_runs_the_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="train first, or name a folder of runs with --in FOLDER"):
        query._main(["select 1"])


def test_the_limits_are_those_that_sqlite_knows() -> None:
    connection = sqlite3.connect(":memory:")
    assert connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN) == database.MOST_COLUMNS
