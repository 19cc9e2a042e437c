"""Trains one variant of the small model that the pictures of docs/explanation/ show."""

from typing import NamedTuple

import torch
from torch import Tensor

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

EPOCHS, BATCH = 25, 100


class Trained(NamedTuple):
    """A model with its data, and the reconstruction term and KL of each step, `course` (S, 2)."""

    model: VAE
    data: ImageDataModule
    course: Tensor

    @property
    def test_images(self) -> Tensor:
        """Returns the test images in [0, 1], (N, C, H, W)."""
        return self.data.test_images[:].float() / 255

    @property
    def test_labels(self) -> Tensor:
        assert self.data.test_labels is not None
        return torch.as_tensor(self.data.test_labels[:])

    def end(self) -> tuple[float, float]:
        """Returns the mean reconstruction term and KL of the last 100 steps, in nats per image."""
        recon, kl = self.course[-100:].mean(dim=0).tolist()
        return recon, kl


def made(option: str) -> tuple[VAE, ImageDataModule]:
    """Returns the model with its first weights, and its data; `option` is such as prior=vamp."""
    (job,) = compose_jobs([option, "data=mnist_5k", "optimizer=adam", "optimizer.lr=3e-3"])
    config = resolved(job.config)
    data = ImageDataModule.from_config(config, trust=False)
    data.setup()
    return VAE.from_config(config, data.image_shape, trust=False), data


def train(option: str) -> Trained:
    """Returns the model after 25 epochs of Adam at a constant rate of 3e-3, batches of 100."""
    model, data = made(option)
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    images, course = data.fixed_train_images[:].float() / 255, []
    per_epoch = len(images) // BATCH
    for step in range(EPOCHS * per_epoch):
        if step % per_epoch == 0:
            order = torch.randperm(len(images), generator=stream("order", step))
        rows = order[step % per_epoch * BATCH :][:BATCH]
        noise = torch.randn(
            model.objective.num_samples, BATCH, model.latent_dim, generator=stream("noise", step)
        )
        objective = model.objective.at(step / (EPOCHS * per_epoch))
        loss, terms = model.score(images[rows], noise, objective)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        course.append((-terms.log_likelihood.mean().item(), terms.kl.mean().item()))
    return Trained(model.eval(), data, torch.tensor(course))
