"""How large a page is, with all that it shows: the real exporter, 2,000 images of MNIST.

The networks have their starting weights.
"""

from pathlib import Path

import numpy as np
import pytest
from untrained import untrained

from vae_lab.config.compose import conf_folder
from vae_lab.explorer.page import write_explorer
from vae_lab.reading import parse_yaml

LIMITS = parse_yaml((conf_folder() / "explorer/default.yaml").read_bytes())
# As many test images as a page of MNIST shows.
MNIST = ("data=mnist_5k", "data.source.num_test=2000", "data.num_images=3000", "data.num_val=0")


def page_bytes(folder: Path, *overrides: str) -> int:
    run = untrained(folder, *overrides)
    page = folder / "explorer.html"
    write_explorer(page, [run], run.name, LIMITS)
    return page.stat().st_size


@pytest.mark.parametrize(
    ("model", "latent_dim", "most"),
    [("linear", 2, 1_000_000), ("linear", 10, 1_000_000), ("conv", 10, 4_000_000)],
)
def test_pages_of_mnist(model: str, latent_dim: int, most: int, tmp_path: Path) -> None:
    size = page_bytes(tmp_path, *MNIST, f"model={model}", f"latent_dim={latent_dim}")
    assert 100_000 < size <= most


@pytest.mark.parametrize("likelihood", ["discretized_logistic", "bernoulli"])
def test_pages_of_a_large_network_in_colour(likelihood: str, tmp_path: Path) -> None:
    # Bytes by chance: no image is compressed worse.
    images = np.random.default_rng(0).integers(0, 256, (540, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "colour.npz", images=images)
    own = ("data=npz", f"data.path={tmp_path / 'colour.npz'}", "data.num_test=500")
    size = page_bytes(
        *(tmp_path, *own, "data.num_val=0", "data.batch_size=4"),
        *("model=resnet", "latent_dim=10", f"likelihood={likelihood}"),
    )
    assert 8_000_000 < size <= 12_000_000
