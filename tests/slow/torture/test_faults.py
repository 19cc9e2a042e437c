"""Disks that refuse, folders in use, servers that misbehave: one line, and nothing lost."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import killable
import pytest
from fault_counts import count
from mirror import FILES, FOLDER, MISBEHAVIOURS, SERVED, Mirror, held
from stripes import write_conf

from vae_lab.data import download

pytestmark = pytest.mark.torture

QUICK = ("--config-dir", "conf", "data=stripes", "trainer.max_epochs=3", "threads=1")
QUIET = ("callbacks=none",)


def errors(text: str) -> list[str]:
    assert "Traceback" not in text, text
    return [line for line in text.splitlines() if line.startswith("vae-lab: error: ")]


@pytest.mark.parametrize("size", [0, 2_000, 100_000, 420_000, 1_000_000])
def test_a_file_that_may_not_grow_ends_the_run_in_one_line_and_it_goes_on(
    size: int, tmp_path: Path
) -> None:
    write_conf(tmp_path / "conf")
    command = (*QUICK, *QUIET, "hydra.run.dir=run")
    code, text = killable.finish(tmp_path, *command, largest_file=size)
    assert code in (1, 2) and len(errors(text)) == 1, text
    code, text = killable.finish(tmp_path, *command)
    count(f"files limited to {size} bytes", 1, int(code != 0))
    assert code == 0, text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB, of which a run needs more."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("free", [0, 100_000, 1_000_000, 2_000_000, 3_000_000])
def test_a_full_disk_ends_the_run_in_one_line_and_it_goes_on(
    free: int, small_disk: Path, tmp_path: Path
) -> None:
    write_conf(tmp_path / "conf")
    earlier = small_disk / "earlier" / "result.json"
    earlier.parent.mkdir()
    earlier.write_text("{}")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 * 2**20 - free - 8192))
    command = (*QUICK, *QUIET, f"hydra.run.dir={small_disk}/run", "likelihood=gaussian")
    code, text = killable.finish(tmp_path, *command)
    assert code in (1, 2) and len(errors(text)) == 1, text
    assert "free some space" in errors(text)[0] or "cannot be written" in errors(text)[0]
    assert earlier.read_text() == "{}"
    ballast.unlink()
    code, text = killable.finish(tmp_path, *command)
    count(f"a disk with {free} bytes left", 1, int(code != 0))
    assert code == 0, text


def test_a_disk_that_is_read_only_is_named(small_disk: Path, tmp_path: Path) -> None:
    write_conf(tmp_path / "conf")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, text = killable.finish(tmp_path, *QUICK, *QUIET, f"hydra.run.dir={small_disk}/run")
    count("a read-only disk", 1, int(code != 2))
    assert code == 2 and str(small_disk) in errors(text)[0]


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    write_conf(tmp_path / "conf")
    for number, folder in enumerate(["x" * 300, "/".join(["y" * 200] * 21)]):
        code, text = killable.finish(tmp_path, *QUICK, f"hydra.run.dir={folder}")
        assert code == 2 and "cannot be used" in errors(text)[0], (number, text)
    count("a path that is too long", 2, 0)


def test_of_eight_that_start_in_one_folder_one_works(tmp_path: Path) -> None:
    write_conf(tmp_path / "conf")
    started = [
        killable.start(tmp_path, *QUICK, *QUIET, "hydra.run.dir=run", "trainer.max_epochs=60")
        for _ in range(8)
    ]
    for victim in started:
        victim.join()
    texts = [killable.output(victim) for victim in started]
    codes = sorted(killable.process_code(text) for text in texts)
    assert codes == [0, *[2] * 7], texts
    refused = [text for text in texts if "another process is using" in text]
    assert len(refused) == 7 and all(len(errors(text)) == 1 for text in refused)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "success"
    count("eight starts in one folder", 8, 0)


@pytest.mark.parametrize("behaviour", [*MISBEHAVIOURS, "nobody listens"])
def test_a_bad_server_leaves_nothing_and_a_good_one_repairs(
    behaviour: str, tmp_path: Path, no_proxy: None
) -> None:
    if behaviour == "nobody listens":
        with pytest.raises(download.DataUnavailable):
            download.ensure(tmp_path, FOLDER, FILES, ["http://127.0.0.1:9/"], 1)
    else:
        with Mirror(SERVED, behaviour) as mirror, pytest.raises(download.DataUnavailable):
            download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 1)
    assert held(tmp_path) == {}
    with Mirror(SERVED, "ok") as mirror:
        download.ensure(tmp_path, FOLDER, FILES, [mirror.url], 5)
    assert len(held(tmp_path)) == len(SERVED)
    count(f"a data server that misbehaves: {behaviour}", 1, 0)
