"""The page that a training leaves at its end, or does not."""

import logging
from pathlib import Path
from typing import Any

import pytest
from runs import train

from vae_lab.errors import JobFailed

PAGE = "explorer=default"  # `train` leaves it out
FAST = ("trainer.max_epochs=1", "callbacks=none", "model.hidden_dims=[8]")


@pytest.mark.parametrize("words", ["explorer=null", "~explorer"])
def test_no_page_is_made_without_the_group(words: str, tmp_path: Path) -> None:
    result, target = train(tmp_path, words, *FAST)
    assert result.status == "success"
    assert not (target / "explorer.html").exists()


def test_a_run_that_is_resumed_makes_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no test today")

    with monkeypatch.context() as patch:
        patch.setattr("vae_lab.training.final_test.final_test", fail)
        with pytest.raises(JobFailed):
            train(tmp_path, PAGE, *FAST)
    assert not (tmp_path / "run" / "explorer.html").exists()
    result, target = train(tmp_path, PAGE, *FAST)
    assert (result.status, result.resumed_after) == ("success", [1])
    assert (target / "explorer.html").exists()


def test_a_page_that_cannot_be_written_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("vae_lab.explorer.page.write_text", refuse)
    with caplog.at_level(logging.WARNING):
        result, target = train(tmp_path, PAGE, *FAST)
    assert result.status == "success"
    assert not (target / "explorer.html").exists()
    said = [record.getMessage() for record in caplog.records if "explorer" in record.getMessage()]
    assert len(said) == 1 and "\n" not in said[0]
    assert said[0].startswith("run: explorer.html is not written: ")
    assert "make it writable for you" in said[0]
