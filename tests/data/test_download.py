"""Files are found or downloaded, whole or not at all, whatever the mirrors do."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from mirror import FILES, FOLDER, MISBEHAVIOURS, RAW, SERVED, Mirror, held, md5, real_files

from vae_lab.data import download, transfer
from vae_lab.errors import UserError


def put(root: Path, files: Mapping[str, bytes]) -> None:
    (root / FOLDER).mkdir(parents=True)
    for name, data in files.items():
        (root / FOLDER / name).write_bytes(data)


DOWNLOADED = {f"{FOLDER}/{name}": data for name, data in SERVED.items()}


def test_downloads_what_is_absent(tmp_path: Path) -> None:
    with Mirror(SERVED, "ok") as mirror:
        paths = download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
        assert held(tmp_path) == DOWNLOADED
        assert paths == {name: tmp_path / FOLDER / name for name in SERVED}
        assert paths["labels.gz"].stat().st_mode & 0o777 == 0o644
        assert download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5) == paths
    assert mirror.asked == list(SERVED)  # nothing was asked for again
    # No folder is left either.
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {
        *SERVED,
        download.DOWNLOAD_LIST,
    }


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_a_mirror_that_misbehaves_leaves_nothing(tmp_path: Path, behaviour: str) -> None:
    with Mirror(SERVED, behaviour) as mirror:
        start = time.monotonic()
        with pytest.raises(download.DataUnavailable) as caught:
            download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 0.5)
        assert time.monotonic() - start < 10  # the limit is 0.5 s; a busy machine is slow
    message = str(caught.value)
    assert mirror.asked == ["pictures.gz"]  # the other file was not asked for
    assert list(tmp_path.iterdir()) == []
    assert "\n" not in message
    for part in (mirror.url, "data.timeout=0.5", "data.root=", "VAE_LAB_DATA", "data=mnist_5k"):
        assert part in message


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_the_next_mirror_is_asked(tmp_path: Path, behaviour: str) -> None:
    with Mirror(SERVED, behaviour) as bad, Mirror(SERVED, "ok") as good:
        download.ensure(tmp_path, FOLDER, FILES, [bad.url, good.url], 2)
    assert held(tmp_path) == DOWNLOADED
    assert (bad.asked, good.asked) == (["pictures.gz"], list(SERVED))


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("hang", "did not answer in 0.5 s"),
        ("404", "answered 404 Client Error"),
        ("html", "sent something else (wrong MD5)"),
        ("drop", "broke off"),
    ],
)
def test_each_reason_is_told(tmp_path: Path, behaviour: str, reason: str) -> None:
    with Mirror(SERVED, behaviour) as mirror, pytest.raises(download.DataUnavailable) as caught:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 0.5)
    assert f"{mirror.url} {reason}" in str(caught.value)


def test_what_one_mirror_delivered_is_kept(tmp_path: Path) -> None:
    short = {**SERVED, "labels.gz": b""}
    with Mirror(short, "ok") as first, Mirror(SERVED, "ok") as second:
        download.ensure(tmp_path, FOLDER, FILES, [first.url, second.url], 5)
    assert second.asked == ["labels.gz"]
    assert held(tmp_path) == DOWNLOADED


def test_the_time_limit_is_for_all_mirrors_together(tmp_path: Path) -> None:
    with (
        Mirror(SERVED, "hang") as one,
        Mirror(SERVED, "hang") as two,
        Mirror(SERVED, "hang") as three,
        pytest.raises(download.DataUnavailable) as caught,
    ):
        download.ensure(tmp_path, FOLDER, FILES, [one.url, two.url, three.url], 0.9)
    spent = re.findall(r"did not answer in ([\d.]+) s", str(caught.value))
    assert len(spent) == 3
    assert sum(map(float, spent)) < 0.91


def test_a_slow_download_may_outlast_the_time_limit(tmp_path: Path) -> None:
    with Mirror(SERVED, "steady") as mirror:  # 30 kB at 50 kB/s
        start = time.monotonic()
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 0.4)
        assert time.monotonic() - start > 0.5
    assert held(tmp_path) == DOWNLOADED


def test_a_download_below_the_slowest_speed_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "SLOWEST", 1_000_000)
    with Mirror(SERVED, "steady") as mirror, pytest.raises(download.DataUnavailable) as caught:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 0.3)
    assert re.search(r"sent only \d+ bytes in 0.3 s", str(caught.value))


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(download.DataUnavailable, match="could not be reached"):
        download.ensure(tmp_path, FOLDER, FILES, [f"http://127.0.0.1:{port}/"], 1)
    with pytest.raises(download.DataUnavailable, match=r"data\.mirrors is empty"):
        download.ensure(tmp_path, FOLDER, FILES, None, 1)


def test_a_proxy_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mirror(SERVED, "ok") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        download.ensure(tmp_path, FOLDER, FILES, ["http://mirror.invalid/mnist/"], 5)
    assert held(tmp_path) == DOWNLOADED


@pytest.mark.parametrize("form", ["gz", "raw"])
def test_files_that_are_there_are_found_and_left_alone(tmp_path: Path, form: str) -> None:
    here = SERVED if form == "gz" else {name.removesuffix(".gz"): raw for name, raw in RAW.items()}
    put(tmp_path, here)
    paths = download.ensure(tmp_path, FOLDER, FILES, [], 1)
    assert [path.name for path in paths.values()] == list(here)
    assert held(tmp_path) == {f"{FOLDER}/{name}": data for name, data in here.items()}


@pytest.mark.parametrize("name", ["labels.gz", "labels"])
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, name: str) -> None:
    put(tmp_path, {"pictures.gz": SERVED["pictures.gz"], name: b"broken"})
    with Mirror(SERVED, "ok") as mirror, pytest.raises(UserError) as caught:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
    expected = FILES["labels.gz"]["gz" if name.endswith(".gz") else "raw"]
    for part in (str(tmp_path / FOLDER / name), expected, md5(b"broken"), "Delete", "data.root="):
        assert part in str(caught.value)
    # Not a DataUnavailable: a broken file must not lead to another data set.
    assert not isinstance(caught.value, download.DataUnavailable)
    assert mirror.asked == []
    assert held(tmp_path)[f"{FOLDER}/{name}"] == b"broken"


def test_a_downloaded_file_that_broke_is_downloaded_again_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Mirror(SERVED, "ok") as mirror:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
        (tmp_path / FOLDER / "labels.gz").write_bytes(b"broken")
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
        assert mirror.asked == ["pictures.gz", "labels.gz", "labels.gz"]
    assert held(tmp_path) == DOWNLOADED
    assert str(tmp_path / FOLDER / "labels.gz") in capsys.readouterr().err
    (tmp_path / FOLDER / "labels.gz").write_bytes(b"broken")
    with Mirror(SERVED, "wrong") as mirror, pytest.raises(download.DataUnavailable):
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
    assert mirror.asked == ["labels.gz"], "never a second time, never a broken file"


def test_several_who_need_the_files_at_once_download_them_once(tmp_path: Path) -> None:
    code = (
        "import sys, json; from vae_lab.data import download; "
        "download.ensure(sys.argv[1], 'MNIST/raw', json.loads(sys.argv[2]), [sys.argv[3]], 20)"
    )
    with Mirror(SERVED, "steady") as mirror:
        arguments = [str(tmp_path), json.dumps(FILES), mirror.url]
        all_of_them = [subprocess.Popen([sys.executable, "-c", code, *arguments]) for _ in range(3)]
        assert [process.wait(60) for process in all_of_them] == [0, 0, 0]
    assert sorted(mirror.asked) == ["labels.gz", "pictures.gz"]
    assert held(tmp_path) == DOWNLOADED


def test_a_killed_download_leaves_nothing_that_stays(tmp_path: Path) -> None:
    with Mirror(SERVED, "stall") as mirror:
        arguments = (str(tmp_path), FOLDER, FILES, [mirror.url], 60)
        code = f"from vae_lab.data import download; download.ensure(*{arguments!r})"
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
            while not any(path.stat().st_size for path in tmp_path.rglob("tmp*")):
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
    assert held(tmp_path)
    with Mirror(SERVED, "ok") as mirror:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
    assert held(tmp_path) == DOWNLOADED
    names = {path.name for path in (tmp_path / FOLDER).iterdir()}
    assert names == {*SERVED, download.DOWNLOAD_LIST}


def test_a_sound_form_beside_a_broken_one_is_used(tmp_path: Path) -> None:
    put(tmp_path, {**SERVED, "labels": b"broken"})
    assert download.find(tmp_path, FOLDER, FILES)["labels.gz"].name == "labels.gz"


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with (
        Mirror(SERVED, "ok") as mirror,
        pytest.raises(UserError, match="cannot write to") as caught,
    ):
        download.ensure(blocked, FOLDER, FILES, [mirror.url], 5)
    assert str(blocked / FOLDER) in str(caught.value) and "data.root=" in str(caught.value)
    assert not isinstance(caught.value, download.DataUnavailable)


def test_a_data_set_without_files_asks_nobody(tmp_path: Path) -> None:
    assert download.ensure(tmp_path / "absent", FOLDER, None, None, 1) == {}
    assert not (tmp_path / "absent").exists()


def test_progress_is_one_plain_line_off_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Mirror(SERVED, "ok") as mirror:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err == f"vae-lab: downloading 2 files to {tmp_path / FOLDER}\n"


def test_nothing_heavy_is_imported() -> None:
    heavy = (
        "{'torch', 'torchvision', 'pytorch_lightning', 'pandas', 'mlxtend', 'pooch', 'requests'}"
    )
    code = f"import sys, vae_lab.data.download; print(sorted({heavy} & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.real_mnist
def test_the_real_files_are_downloaded(mnist_root: Path, tmp_path: Path) -> None:
    from vae_lab.data.mnist import MNIST

    real = {path.name: path.read_bytes() for path in (mnist_root / FOLDER).glob("*.gz")}
    files = real_files()
    with Mirror(real, "ok") as mirror:
        download.ensure(tmp_path, FOLDER, files, [mirror.url], 20)
    images = MNIST(root=str(tmp_path), folder=FOLDER, files=files).load()
    assert images.train_images.shape == (60_000, 1, 28, 28)
    assert images.test_images.shape == (10_000, 1, 28, 28)
    assert images.train_labels is not None and images.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert images.test_labels is not None and images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
