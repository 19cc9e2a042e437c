"""What training and validation draw, and the moment that a schedule is asked for."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from stripes import StripedDigits, small_config
from torch import Tensor

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.objectives.base import Draws, Terms
from vae_lab.objectives.elbo import Elbo
from vae_lab.priors import Prior
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

EPOCHS, SAMPLES, LATENT = 3, 3, 2


class Spy(Elbo):
    """The ELBO, which keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__(beta=1.0, num_samples=SAMPLES)
        self.progress: list[float] = []
        # The noise of each call, (K, B, Z): of training, and of validation.
        self.noise: dict[bool, list[Tensor]] = {True: [], False: []}
        self.state: dict[bool, list[Tensor]] = {True: [], False: []}

    def at(self, progress: float) -> "Spy":
        self.progress.append(progress)
        return self

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        trains = draws.z.requires_grad
        self.noise[trains].append(draws.noise.clone())
        self.state[trains].append(draws.generator.get_state())
        return super().__call__(draws, prior)


@pytest.fixture(scope="module")
def spy(tmp_path_factory: pytest.TempPathFactory) -> Spy:
    config, _ = small_config(tmp_path_factory.mktemp("conf"), "seed=7")
    model = VAE.from_config(config, (1, 28, 28), trust=True)
    model.objective = spy = Spy()
    data = ImageDataModule(
        source=StripedDigits(), batch_size=32, num_val=20, split_seed=0, seed=7, binarize="none"
    )
    folder: Path = tmp_path_factory.mktemp("run")
    trainer = pl.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        log_every_n_steps=1, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(model, datamodule=data)
    return spy


def test_the_noise_of_training_belongs_to_the_seed_and_the_epoch(spy: Spy) -> None:
    noise = torch.cat(spy.noise[True], dim=1).chunk(EPOCHS, dim=1)
    for epoch, of_epoch in enumerate(noise):
        generator = stream("noise", 7, epoch)
        sizes = [32, 32, 16]
        expected = [torch.randn(SAMPLES, size, LATENT, generator=generator) for size in sizes]
        assert torch.equal(of_epoch, torch.cat(expected, dim=1))
    assert not torch.equal(noise[0], noise[1])


def test_the_noise_of_validation_belongs_to_the_image_and_is_the_same_in_every_epoch(
    spy: Spy,
) -> None:
    # Several draws each: the images are decoded in parts.
    assert len(spy.noise[False]) > EPOCHS
    expected = torch.randn(SAMPLES, 20, LATENT, generator=stream("val"))
    for of_epoch in torch.cat(spy.noise[False], dim=1).chunk(EPOCHS, dim=1):
        assert torch.equal(of_epoch, expected)
    # What an objective draws beside it begins anew, too.
    parts = len(spy.noise[False]) // EPOCHS
    assert torch.equal(spy.state[False][0], spy.state[False][parts])
    assert torch.equal(spy.state[False][0], stream("objective", "val", 7).get_state())


def test_a_schedule_is_asked_for_the_share_of_steps_done_before_each_step(spy: Spy) -> None:
    steps = 3 * EPOCHS
    assert spy.progress == pytest.approx([step / steps for step in range(steps)])
