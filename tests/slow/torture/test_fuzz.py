"""Random input: override lists, and files of runs with flipped bits and missing ends."""

import random
import shutil
from pathlib import Path

import killable
import pytest
from fault_counts import count, repeats
from hypothesis import HealthCheck, given, settings
from random_overrides import is_answered, override_lists
from runs import run_job
from stripes import small_config

from vae_lab import load
from vae_lab.checkpoints import read_checkpoint
from vae_lab.errors import UserError
from vae_lab.report.summary import result_of, row
from vae_lab.run_folder import RunFolder

pytestmark = pytest.mark.torture


def test_any_override_list_is_valid_or_answered_in_one_line() -> None:
    tried = repeats(2000)

    @settings(
        max_examples=tried,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(override_lists())
    def try_one(lines: list[str]) -> None:
        is_answered(lines)

    try_one()
    count("random override lists", tried, 0)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Returns the content with some bits flipped, or cut off, or with a stretch of zeros."""
    bytes_ = bytearray(content)
    match chance.randrange(3):
        case 0:
            for _ in range(chance.choice([1, 1, 8, 100])):
                bytes_[chance.randrange(len(bytes_))] ^= 1 << chance.randrange(8)
        case 1:
            del bytes_[chance.randrange(len(bytes_)) :]
        case 2:
            start = chance.randrange(len(bytes_))
            bytes_[start : start + chance.choice([1, 16, 4096])] = b"\0"
    return bytes(bytes_)


def test_damaged_files_are_refused_or_read_right(tmp_path: Path) -> None:
    configured = small_config(
        *(tmp_path / "conf", "trainer.max_epochs=2", "threads=1"),
        *("callbacks=none", "logger=[tensorboard,csv]"),
    )
    whole = tmp_path / "whole"
    whole.mkdir()
    run_job(*configured, whole)
    (events,) = (path for path in whole.glob("events*") if "session_end" not in path.name)
    expected, curves = read_checkpoint(whole / "checkpoints/best.ckpt"), killable.curves(whole)
    files = ["checkpoints/best.ckpt", "result.json", "config.yaml", events.name]
    chance, tried = random.Random(3), repeats(500)
    for number in range(tried):
        name = files[number % len(files)]
        folder = tmp_path / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        (folder / name).write_bytes(damaged((whole / name).read_bytes(), chance))
        row(result_of(folder))
        try:
            RunFolder(folder)
            load(folder, trust=True)
        except UserError:
            pass
        if name.endswith(".ckpt"):
            _check_checkpoint(folder / name, expected)
        if name == events.name:
            _check_events(folder, curves)
    count("damaged checkpoints, results, configurations, event files", tried, 0)


def _check_checkpoint(path: Path, expected: dict[str, object]) -> None:
    try:
        found = read_checkpoint(path)
    except UserError:
        return
    assert killable.tensors(found["state_dict"], "") == killable.tensors(expected["state_dict"], "")


def _check_events(folder: Path, whole: dict[str, list[tuple[object, ...]]]) -> None:
    for tag, points in killable.curves(folder).items():
        # Every record has a checksum: what is read is right, what is not is left out.
        assert set(points) <= set(whole[tag])
