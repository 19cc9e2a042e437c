"""A VAE that learns nothing and copies real images, and its evaluation on the striped digits."""

from typing import Any

import torch
from stripes import StripedDigits
from torch import Tensor, nn

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.likelihoods import Gaussian
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import Prior, StandardNormal
from vae_lab.vae import VAE, Optimization

SETTINGS = {
    "num_images": 20, "num_train": 80, "num_generated": 30, "num_pairs": 6, "num_steps": 5,
    "map_steps": 6, "neighbours": 3, "manifold_neighbours": 2, "seed": 0,
    "anatomy": False, "posterior_steps": 8, "posterior_samples": 4, "posterior_rate": 0.1,
}  # fmt: skip


class TwoNumbers(nn.Module):
    """An encoder that learns nothing: codes are a number of an image, as often as Z says."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def forward(self, x: Tensor) -> DiagonalGaussian:
        number = (x.flatten(1) @ torch.linspace(0, 1, x[0].numel())) / 20
        mean = torch.stack([number] * self.latent_dim, dim=1)
        return DiagonalGaussian(mean, torch.full_like(mean, -4.0))


class LookUp(nn.Module):
    """A decoder that looks an image up by the length of its code."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images.float() / 255

    def forward(self, z: Tensor) -> Tensor:
        return self.images[(z.norm(dim=1) * 7).long() % len(self.images)]


def copier(images: Tensor, prior: Prior, latent_dim: int) -> VAE:
    """Returns a VAE that decodes every code to one of some real images."""
    return VAE(
        encoder=TwoNumbers(latent_dim),
        decoder=LookUp(images),
        prior=prior,
        likelihood=Gaussian(scale=1.0, learn_scale=False),
        objective=Elbo(beta=1.0, num_samples=1),
        optimization=Optimization(torch.optim.Adam, lambda progress: 1.0),
        latent_dim=latent_dim,
        seed=0,
    ).eval()


def evaluation_of_copier(
    latent_dim: int, *, labels: bool = True, prior: Prior | None = None, **settings: Any
) -> Evaluation:
    """Returns the evaluation of a copier of the training images, on the test images."""
    data = ImageDataModule(
        source=StripedDigits(), batch_size=10, num_val=0, split_seed=0, seed=0, binarize="none"
    )
    data.setup()
    if not labels:
        data.train_labels = data.test_labels = None
    model = copier(data.train_images[:], prior or StandardNormal(latent_dim=latent_dim), latent_dim)
    return Evaluation(model, data, "test", {**SETTINGS, "decoder_batch": 100, **settings})
