"""`python -m vae_lab.board`: which runs it shows under which names, its links, errors and end."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from boards import board, eventually
from werkzeug.test import Client
from werkzeug.wrappers import Response

from vae_lab.board import __main__, server
from vae_lab.board.application import LinkServer
from vae_lab.board.links import tensorboard_url
from vae_lab.board.log_folder import folder_to_show
from vae_lab.errors import UserError
from vae_lab.loggers.tensorboard import TensorBoardRunLogger
from vae_lab.run_folder import RunFolder, RunResult


def new_run(folder: Path, *, time: float = 1e9) -> Path:
    """Makes the folder of a run as TensorBoard sees it, last changed at a given time."""
    folder.mkdir(parents=True)
    (folder / "events.out.tfevents.1.host.1.0").touch()
    os.utime(folder, (time, time))
    return folder


def shown(*folders: Path) -> tuple[Path, list[str]]:
    """Returns the folder that TensorBoard gets, and the names of the runs in it."""
    with folder_to_show(folders) as it:
        return it.folder, sorted(it.names.values())


def test_a_sweep_is_shown_as_it_is_and_another_folder_by_links(tmp_path: Path) -> None:
    for name in ("conv-z2", "linear-z2"):
        new_run(tmp_path / "first" / name)
    folder, names = shown(tmp_path / "first")
    assert folder != tmp_path / "first" and names == ["conv-z2", "linear-z2"]
    # The pictures of all runs are written into a sweep, and into no other folder.
    (tmp_path / "first" / "command.txt").touch()
    assert shown(tmp_path / "first") == (tmp_path / "first", ["conv-z2", "linear-z2"])


def test_the_newest_sweep_is_the_default_then_the_single_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_run(Path("outputs/runs/conv-z2_1123-120000"), time=9e8)
    assert newest() == Path("outputs/runs")
    new_run(Path("outputs/sweeps/b/conv-z2"), time=2e8)
    new_run(Path("outputs/sweeps/a/conv-z2"), time=3e8)
    new_run(Path("outputs/sweeps/c/conv-z2"), time=1e8)
    Path("outputs/sweeps/empty").mkdir()
    assert newest() == Path("outputs/sweeps/a")


def newest() -> Path:
    with folder_to_show([]) as it:
        (source,) = it.sources
        return source


def test_runs_of_several_folders_keep_their_short_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first/conv-z2", "first/conv-z10", "second/conv-z2", "a, b:c/third"):
        new_run(tmp_path / name)
    folders = [tmp_path / name for name in ("first", "second", "a, b:c/third", "first")]
    with folder_to_show(folders) as it:
        links = {path.name: path.resolve() for path in it.folder.iterdir()}
        assert links == {
            "conv-z2": (tmp_path / "first" / "conv-z2").resolve(),
            "conv-z10": (tmp_path / "first" / "conv-z10").resolve(),
            "conv-z2-2": (tmp_path / "second" / "conv-z2").resolve(),
            "third": (tmp_path / "a, b:c" / "third").resolve(),
        }
        new_run(tmp_path / "second" / "later")
        it.refresh()
        assert (it.folder / "later").resolve() == (tmp_path / "second" / "later").resolve()
        assert len(it.names) == 5
    assert not it.folder.exists()
    printed = capsys.readouterr().out
    assert printed == f"{tmp_path / 'second' / 'conv-z2'} is shown as conv-z2-2.\n"


def test_a_run_by_itself_has_its_name_and_one_that_has_just_begun_counts(tmp_path: Path) -> None:
    begun = tmp_path / "sweep" / "conv-z2"
    RunFolder(begun).write_result(RunResult(name="conv-z2", status="running"))
    assert shown(begun)[1] == ["conv-z2"]  # TensorBoard would call it "."
    assert shown(tmp_path / "sweep")[1] == ["conv-z2"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls the command with wrong arguments; returns the one line that it prints."""

    def call(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["board", *arguments])
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        with pytest.raises(SystemExit) as stop:
            __main__.main()
        assert stop.value.code == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err.startswith("vae-lab: error: ")
        return err.removeprefix("vae-lab: error: ").strip()

    return call


def test_wrong_input_is_one_line(told: Any, tmp_path: Path) -> None:
    run, csv_only = new_run(tmp_path / "run"), tmp_path / "csv"
    RunFolder(csv_only).write_result(RunResult(name="csv", status="success"))
    assert (
        told(str(tmp_path / "none"))
        == f"{tmp_path}/none is not a folder: name one that holds runs."
    )
    assert told(str(run), str(csv_only)).startswith(f"no run in {csv_only} has TensorBoard's files")
    assert told("--port", "x").startswith("argument --port: invalid int value: 'x'")
    assert told("--port", "70000") == "--port must be between 0 and 65535, got 70000."
    assert told("--prot", "1").startswith("unrecognized arguments")
    assert told(str(run), "--host", "192.0.2.1").startswith("cannot serve at 192.0.2.1, port 0")
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} (" in told(str(run), "--port", str(port))


def test_without_any_run_it_says_what_to_do(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told() == f"no runs in {tmp_path}/outputs: train first (make sweep), or name a folder."
    Path("outputs/runs").mkdir(parents=True)
    assert told().startswith("no run in outputs/runs has TensorBoard's files")


def test_addresses_are_quoted_and_match_their_group_alone() -> None:
    assert tensorboard_url("pictures/kl.(x)") == (
        "/?smoothing=0&tagFilter=%5Ekl%5C.%5C%28x%5C%29%2F#timeseries"
    )
    assert tensorboard_url("pictures") is None and tensorboard_url("else") is None


def test_no_text_of_an_address_becomes_part_of_a_page() -> None:
    def tensorboard(environ: dict[str, Any], start_response: Any) -> Any:
        return Response(f"TensorBoard's {environ['PATH_INFO']}")(environ, start_response)

    client = Client(LinkServer(tensorboard, names=[]), Response)
    page = client.get('/open/pictures/"><script>').text
    assert page.count("<script>") == 2 and "linkedTimeEnabled" in page
    assert client.get("/open/none").status_code == 404
    assert client.get("/data/runs").text == "TensorBoard's /data/runs"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_loopback_and_leaves_nothing_behind(number: int, tmp_path: Path) -> None:
    for name in ("first/conv-z2", "second/conv-z2"):
        logger = TensorBoardRunLogger(
            save_dir=tmp_path / name, columns=["model"], metrics=["elbo/test"]
        )
        logger.open_run({"model": "conv"})
        logger.close_run("success")
    with board("first", "second", cwd=tmp_path) as served:
        assert "TensorBoard shows 2 runs of first, second:" in served.printed
        assert served.url.startswith("http://localhost:")
        assert sorted(served.ask("data/runs")) == ["conv-z2", "conv-z2-2"]
        assert {row["status"] for group in served.rows().values() for row in group["sessions"]} == {
            "STATUS_SUCCESS"
        }
        children = children_of(served.process.pid)
        folder = Path(served.ask("data/environment")["data_location"])
        served.process.send_signal(number)
        assert served.process.wait(20) == 0
        assert served.process.stdout is not None and served.process.stdout.read() == ""
        assert not folder.exists()
        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 10)


def children_of(pid: int) -> list[str]:
    """The processes that a process has started; none where the system does not tell."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:6006", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:6006", 200),
        ("[::1]:6006", 200),
        ("192.168.1.5:80", 200),
        ("named.example:6006", 200),
        ("evil.example.com", 403),
        ("evil.example.com:6006", 403),
        ("localhost.evil.example.com", 403),
        ("127.0.0.1.evil.example.com:80", 403),
        ("", 403),
    ],
)
def test_it_answers_to_its_own_names_and_to_numbers_only(host: str, code: int) -> None:
    # A page elsewhere can point its own name at this machine, and read the answers.
    application = LinkServer(
        lambda environ, start: Response("runs")(environ, start), names=["Named.example"]
    )
    answer = Client(application, Response).get("/data/runs", headers={"Host": host})
    assert answer.status_code == code and (answer.text == "runs") == (code == 200)


@pytest.mark.parametrize("kind", ["event file", "folder", "pipe"])
def test_runs_with_a_way_out_are_not_shown(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new_run(tmp_path / "sweep" / "good")
    bad, private = new_run(tmp_path / "sweep" / "bad"), new_run(tmp_path / "private")
    if kind == "pipe":
        os.mkfifo(bad / "events.out.tfevents.2.x")
    elif kind == "folder":
        (bad / "more").symlink_to(private)
    else:
        (bad / "events.out.tfevents.2.x").symlink_to(private / "events.out.tfevents.1.host.1.0")
    folder, names = shown(tmp_path / "sweep")
    assert names == ["good"] and folder != tmp_path / "sweep"
    assert "Runs with such a file are not shown" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["evil..x", "x" * 300, "no such host"])
def test_a_host_that_is_no_name_is_one_line(host: str) -> None:
    with pytest.raises(UserError, match="cannot serve at"):
        server._check_address(host, 0)
