"""The examples of docs/how-to/own-network.md: each is complete, and trains."""

import math
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from repository import ROOT
from runs import run_job

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule

PAGE = (ROOT / "docs" / "how-to" / "own-network.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+\.(?:py|yaml))\n(.*?)```", re.DOTALL)
FILES = dict(BLOCK.findall(PAGE))

# The overrides that choose each option of the page.
OPTIONS = {
    "model/wide": ("model=wide",),
    "model/mine": ("model=mine",),
    "likelihood/student": ("likelihood=student",),
    "prior/laplace": ("prior=laplace", "latent_dim=10"),
    "objective/dip_vae": ("objective=dip_vae", "latent_dim=10"),
    "callbacks/worst": ("callbacks=[worst]",),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with all files of the page, on the path of Python."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in FILES:
        sys.modules.pop(Path(name).stem, None)


def compose(place: Path, *overrides: str) -> tuple[dict[str, object], dict[str, str]]:
    (job,) = compose_jobs(["--config-dir", str(place / "my_conf"), *overrides])
    return resolved(job.config), job.choices


def test_the_options_are_those_that_the_page_shows() -> None:
    shown = {name[len("my_conf/") : -len(".yaml")] for name in FILES if name.endswith(".yaml")}
    assert shown == {*OPTIONS, "data/squares"}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_example_trains(option: str, place: Path) -> None:
    quick = ("data=digits", "trainer.max_epochs=1", "threads=1", "report=null", "logger=none")
    chosen = OPTIONS[option]
    pictures = () if option.startswith("callbacks") else ("callbacks=none",)
    config, choices = compose(place, *quick, *chosen, *pictures)
    (place / "run").mkdir()
    result = run_job(config, choices, place / "run")
    assert result.status == "success" and math.isfinite(result.metrics["elbo/test"])
    if option == "callbacks/worst":
        drawn = sorted(path.name for path in (place / "run" / "figures").glob("*.png"))
        assert drawn == ["worst_0000.png", "worst_0001.png"]


def test_the_data_set_can_be_used(place: Path) -> None:
    config, _ = compose(place, "data=squares")
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    assert (len(data.train_images), len(data.val_images), len(data.test_images)) == (900, 100, 100)
    assert data.label_names == ("left", "right")
    right = data.test_images[:].float().mean(dim=(1, 2))[:, 8:].sum(dim=1) > 0
    assert data.test_labels is not None and torch.equal(right.long(), data.test_labels)


def test_the_metric_is_that_of_the_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import vae_lab

    quick = ("trainer.max_epochs=1", "threads=1", "report=null", "logger=none", "callbacks=none")
    config, choices = compose(place, "model=mine", "data=digits", *quick)
    (place / "run").mkdir()
    run_job(config, choices, place / "run")
    monkeypatch.setattr(sys, "argv", ["my_metric.py", str(place / "run")])
    capsys.readouterr()
    runpy.run_path(str(place / "my_metric.py"))
    printed = float(capsys.readouterr().out.rpartition(":")[2])
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    posterior = vae_lab.load(place / "run", trust=True).encode(data.test_images[:].float() / 255)
    assert printed == pytest.approx(posterior.variance.sqrt().mean().item(), abs=1e-3)


def test_the_penalty_is_that_of_the_paper(place: Path) -> None:
    """DIP-VAE-I, eq. 6: the squares of the covariances, and of the variances' distance from 1."""
    from importlib import import_module

    from vae_lab.objectives.base import Draws
    from vae_lab.posteriors import DiagonalGaussian
    from vae_lab.priors import StandardNormal

    objective = import_module("my_objectives").DipVae(num_samples=1, off_diagonal=3.0, diagonal=5.0)
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(50, 2, generator=generator)
    posterior, noise = DiagonalGaussian(mean, torch.zeros(50, 2)), torch.zeros(1, 50, 2)
    draws = Draws(posterior, noise, mean[None], torch.zeros(1, 50), generator)
    loss, terms = objective(draws, StandardNormal(latent_dim=2))
    centred = (mean - mean.mean(dim=0)).double()
    a, b, c = (
        (centred[:, i] * centred[:, j]).sum().item() / 49 for i, j in ((0, 0), (1, 1), (0, 1))
    )
    penalty = 3 * 2 * c**2 + 5 * ((a - 1) ** 2 + (b - 1) ** 2)
    assert loss.item() == pytest.approx(penalty - terms.elbo().mean().item(), rel=1e-5)
