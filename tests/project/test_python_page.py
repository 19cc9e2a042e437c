"""The Python of docs/reference/python.md, run as it stands on the page."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT
from runs import train


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = train(tmp_path, "callbacks=[samples]", "logger=none")
    shutil.copytree(folder, tmp_path / "outputs/runs/NAME")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAE_LAB_DATA", raising=False)
    page = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert names["path"].shape == (10, 1, 1, 28, 28)
    assert names["bounds"].shape == (16,)
    assert names["vae"].result.latent_dim == 10 and names["vae"].image_shape == (1, 8, 8)
    assert names["vae"].classes == tuple("0123456789") and names["sevens"].shape == (16, 1, 8, 8)
    assert list(names["frame"]["latent_dim"]) == [2, 10] and names["frame"].attrs["failed"] == {}
    assert names["mine"].image_shape == (1, 16, 16)
    assert len([*(tmp_path / "data/arrays").iterdir()]) == 1
    assert "success" in capsys.readouterr().out
