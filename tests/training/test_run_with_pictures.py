"""A real run with every picture: what it leaves behind, and that it is the run without them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from runs import run_job
from stripes import small_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FIGURES = (
    *("reconstructions", "samples", "interpolations", "quantile_map"),
    *("latent_scatter", "traversals", "kl_per_dim"),
)
OTHERS = ("evolution.gif", "latent_scatter.svg", "kl_per_dim.svg", "index.html")


def train(folder: Path, *overrides: str) -> Path:
    config, choices = small_config(folder / "conf", *overrides)
    (folder / "run").mkdir(parents=True)
    run_job(config, choices, folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def with_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("with"), "latent_dim=2")


def test_every_picture_is_drawn_and_logged_by_default(with_pictures: Path) -> None:
    found = {path.name for path in (with_pictures / "figures").iterdir()}
    drawn = {f"{name}_{epoch:04d}.png" for name in FIGURES for epoch in (0, 2)}
    # The map is drawn after each of the first epochs: the frames of the film.
    maps = {f"latent_map_{epoch:04d}.png" for epoch in (0, 1, 2)}
    assert found == drawn | maps | {*OTHERS}
    assert (with_pictures / "projector_config.pbtxt").exists()
    events = EventAccumulator(str(with_pictures), size_guidance={"images": 0, "histograms": 0})
    tags = events.Reload().Tags()
    assert set(tags["images"]) == {
        *("reconstructions/val", "samples/prior", "interpolations/latent", "latent_map/prior"),
        *("latent_map/quantiles", "latent_scatter/val", "traversals/latent", "kl_per_dim/val"),
    }
    for tag in tags["images"]:
        steps = [0, 1, 2] if tag == "latent_map/prior" else [0, 2]
        assert [event.step for event in events.Images(tag)] == steps
    assert set(tags["histograms"]) == {"posterior/mean", "posterior/variance"}
    variance = events.Histograms("posterior/variance")[-1].histogram_value
    assert variance.num == 20 * 2 and variance.min > 0


def test_pictures_change_no_weight_to_the_last_bit(tmp_path: Path, with_pictures: Path) -> None:
    without = train(tmp_path, "latent_dim=2", "callbacks=none")
    assert not (without / "figures").exists()
    states: list[dict[str, Any]] = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (with_pictures, without)
    ]
    weights, moments = zip(
        *((one["state_dict"], one["optimizer_states"][0]["state"]) for one in states), strict=True
    )
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    for key, state in moments[1].items():
        assert all(torch.equal(moments[0][key][name], state[name]) for name in state)
