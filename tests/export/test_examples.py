"""The trained models that come with the package: whole, small, and as good as recorded."""

from pathlib import Path

import numpy as np
import pytest
import torch

import vae_lab
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.exported import example, example_names, is_exported

NAMES = ["conv-z10", "conv-z2", "linear-z10", "linear-z2"]


def test_the_four_examples_are_loaded_by_name() -> None:
    assert example_names() == NAMES
    state = torch.get_rng_state()
    for name in NAMES:
        vae = vae_lab.load(f"example:{name}")
        assert is_exported(vae.folder) and vae.result.name == name
        assert vae.sample(2, seed=0).shape == (2, 1, 28, 28)
        assert vae.latent_dim == int(name.rpartition("z")[2])
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(ValueError, match=r"no trained model example:conv: name one of example:co"):
        vae_lab.load("example:conv")


def test_they_are_small_and_complete() -> None:
    folder = example(NAMES[0]).parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6_000_000
    for name in NAMES:
        card = (folder / name / "README.md").read_text(encoding="utf-8")
        assert card.startswith('---\nlicense: "mit"\n')
        pictures = {path.name for path in files if path.parent == folder / name / "pictures"}
        assert len(pictures) == (3 if name.endswith("z2") else 2)
        assert all(f"](pictures/{picture})" in card for picture in pictures)
        bounds = vae_lab.load(f"example:{name}").test_bounds
        assert bounds is not None and len(bounds) == 1001


@pytest.mark.real_mnist
@pytest.mark.parametrize("name", NAMES)
def test_their_bound_on_real_mnist_is_the_recorded_one(name: str, mnist_root: Path) -> None:
    vae = vae_lab.load(f"example:{name}")
    config = {**vae.config, "data": {**vae.config["data"], "root": str(mnist_root)}}
    config["data"]["source"] = {**config["data"]["source"], "root": str(mnist_root)}
    data = ImageDataModule.from_config(config, trust=False)
    data.setup()
    assert data.fingerprint == vae.result.data["fingerprint"]
    bound = Evaluation(vae.model, data, "test", {}).bound
    means, errors = bound.means("test"), bound.standard_errors("test")
    for key, recorded in vae.result.metrics.items():
        if key.endswith("/test"):
            # Sums in single precision, whose order depends on the machine.
            np.testing.assert_allclose(means[key], recorded, rtol=1e-5)
    for key in ("elbo/test", "recon/test", "kl/test"):
        assert errors[key] == pytest.approx(vae.result.standard_errors[key], rel=1e-4)
