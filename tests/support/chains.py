"""Images and settings for chains of annealed importance sampling on small models."""

import torch
from torch import Tensor

from vae_lab.inference.annealing import Annealed, Path, adapted_path, anneal
from vae_lab.inference.chains import Chains, ChainSettings
from vae_lab.inference.images import EvaluationImages
from vae_lab.vae import VAE

SETTINGS = ChainSettings(
    num_chains=8, leapfrog_steps=3, start_width=1.6, decoder_batch=2000, seed=0
)


def bytes_of(count: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


@torch.no_grad()
def drawn(model: VAE, images: Tensor, rows: Tensor | None = None) -> EvaluationImages:
    """Returns some of the images, uint8 (N, C, H, W), or all, with q(z|x) of them."""
    rows = torch.arange(len(images)) if rows is None else rows
    x = images[rows] / 255
    return EvaluationImages(x, model.encode(x), rows, "test", len(images))


def equal_path(num_temperatures: int, step: float) -> Path:
    betas = [number / num_temperatures for number in range(num_temperatures + 1)]
    return Path(betas, [step] * (num_temperatures - 1))


def annealed(
    model: VAE,
    images: Tensor | EvaluationImages,
    path: Path | int = 30,
    settings: ChainSettings = SETTINGS,
) -> Annealed:
    """Returns the estimate along a path, or along one of so many temperatures adapted to it."""
    images = drawn(model, images) if isinstance(images, Tensor) else images
    if isinstance(path, int):
        path = adapted_path(Chains(model, images, settings, name="adaptation"), path)
    return anneal(Chains(model, images, settings, name="annealing"), path)
