"""Pages of finished runs: what they hold, where they are written, what is refused."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import train

from vae_lab.explore import MOST_RUNS, choose, main
from vae_lab.explorer.content import TrainedRun, page_content
from vae_lab.explorer.loading import load
from vae_lab.explorer.page import page, write_explorer
from vae_lab.run_folder import RunFolder

LIMITS = {"num_images": 40, "pixel_bytes": 1_600_000}
SETTINGS = {"data_root": None, "data_path": None, "trust": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("explorer"), "explorer=default", "latent_dim=3")[1]


@pytest.fixture(scope="module")
def trained(folder: Path) -> TrainedRun:
    return load(RunFolder(folder), SETTINGS)


def payload_in(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.S)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_a_run_ends_with_its_page_and_the_numbers_of_its_files(folder: Path) -> None:
    (run,) = payload_in((folder / "explorer.html").read_text())["runs"]
    result = RunFolder(folder).require_result()
    assert run["bound"]["elbo"] == pytest.approx(result.metrics["elbo/test"])
    assert run["kl_per_dimension"] == result.latent["kl_per_dimension"]
    assert (run["latent_dim"], run["prior"]["kind"]) == (3, "standard")
    assert run["codes"]["mean"]["shape"][1] == 3
    assert run["principal"]["directions"]["shape"] == [2, 3]
    assert run["precision"]["pixels"] <= 1e-3


def test_images_are_spread_over_the_test_set(trained: TrainedRun) -> None:
    content, _ = page_content([trained, trained], "two", {**LIMITS, "num_images": 5})
    (images,) = content["image_sets"]  # one set for both runs
    assert images["pixels"]["shape"] == [5, *trained.data.image_shape]
    assert [run["images"] for run in content["runs"]] == [0, 0]


def test_a_page_moves_no_random_state(trained: TrainedRun) -> None:
    before = torch.get_rng_state()
    page_content([trained], "one", LIMITS)
    assert torch.equal(before, torch.get_rng_state())


def test_a_network_that_is_not_known_becomes_a_lattice(folder: Path) -> None:
    trained = load(RunFolder(folder), SETTINGS)

    class Mine(torch.nn.ReLU):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.relu()

    for network in (trained.model.encoder, trained.model.decoder):
        layers: Any = network.layers
        network.layers = torch.nn.Sequential(Mine(), *layers)
    content, _ = page_content([trained], "one", LIMITS)
    (run,) = content["runs"]
    assert run["encoder"] is None
    assert run["decoder"]["lattice"]["pixels"]["shape"][:2] == [25, 25]
    assert "Mine" in dict(run["facts"])["decoder"]


def test_names_with_markup_end_no_script(trained: TrainedRun) -> None:
    content, arrays = page_content([trained], "x", LIMITS)
    name = "</script><script>alert(1)</script><!-- \" ' & <b>"
    content["title"] = content["runs"][0]["name"] = name
    content["image_sets"][0]["names"] = {"0": name}
    text = page(content, arrays)
    assert payload_in(text)["runs"][0]["name"] == name
    assert payload_in(text)["image_sets"][0]["names"] == {"0": name}
    assert "<b>" not in text and "alert(1)</script>" not in text


def _command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["explore", *map(str, words)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def _copy(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target))


def test_broken_weights_are_one_line_and_leave_the_others(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, broken = _copy(folder, tmp_path / "sweep/a"), _copy(folder, tmp_path / "sweep/b")
    for path in (broken / "checkpoints").glob("*.ckpt"):
        path.write_bytes(path.read_bytes()[:1000])
    assert _command(monkeypatch, broken, "--trust") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "not a whole checkpoint" in error
    assert _command(monkeypatch, tmp_path / "sweep", "--trust") == 0
    out = capsys.readouterr().out
    assert f"left out {broken}: " in out
    assert f"Explorer:     {tmp_path / 'sweep' / 'explorer.html'}" in out
    text = (tmp_path / "sweep" / "explorer.html").read_text()
    assert len(payload_in(text)["runs"]) == 1
    assert whole.name == "a"


def test_a_foreign_file_or_a_link_is_not_replaced(trained: TrainedRun, tmp_path: Path) -> None:
    foreign = tmp_path / "explorer.html"
    foreign.write_text("mine")
    with pytest.raises(ValueError, match="not written by VAE Lab"):
        write_explorer(foreign, [trained], "x", LIMITS)
    assert foreign.read_text() == "mine"
    link = tmp_path / "talk.html"
    link.symlink_to(tmp_path / "elsewhere.html")
    with pytest.raises(ValueError, match="not written by VAE Lab"):
        write_explorer(link, [trained], "x", LIMITS)
    assert not (tmp_path / "elsewhere.html").exists()


def test_a_page_has_at_most_eight_runs(folder: Path, tmp_path: Path) -> None:
    for number in range(MOST_RUNS + 1):
        _copy(folder, tmp_path / f"r{number}")
    chosen = choose([tmp_path], None, trust=True)
    assert [run.name for run in chosen.runs] == [f"r{number}" for number in range(MOST_RUNS)]
    assert [*chosen.left_out] == [tmp_path / f"r{MOST_RUNS}"]
    several = choose([tmp_path / "r1", tmp_path / "r2"], None, trust=True)
    assert several.target == tmp_path / "explorer.html"


def test_what_is_no_finished_run_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(monkeypatch, tmp_path / "nowhere") == 2
    assert "is not a folder" in capsys.readouterr().err
    assert _command(monkeypatch) == 2


@pytest.mark.parametrize(
    "overrides",
    [
        ("prior=vamp",),
        ("prior=gaussian_mixture",),
        ("objective=iwae",),
        ("likelihood=discretized_logistic",),
        ("data.num_val=0",),
        ("data.binarize=static",),
    ],
)
def test_every_kind_of_run_has_a_page(overrides: tuple[str, ...], tmp_path: Path) -> None:
    _, target = train(tmp_path, "explorer=default", *overrides)
    (run,) = payload_in((target / "explorer.html").read_text())["runs"]
    assert run["encoder"] and run["decoder"]["layers"]


@pytest.mark.parametrize(
    ("override", "is_there"), [("explorer=default", True), ("~explorer", False)]
)
def test_the_pictures_of_a_run_link_the_page_that_is_there(
    override: str, is_there: bool, tmp_path: Path
) -> None:
    _, target = train(tmp_path, "callbacks=default", override)
    assert (target / "explorer.html").exists() is is_there
    pictures = (target / "figures" / "index.html").read_text()
    assert ('href="../explorer.html"' in pictures) is is_there


def test_a_page_that_fails_costs_only_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no page today")

    monkeypatch.setattr("vae_lab.explorer.page.write_explorer", fail)
    result, target = train(tmp_path, "explorer=default")
    assert result.status == "success"
    assert not (target / "explorer.html").exists()
    assert "explorer.html is not written: no page today" in caplog.text
