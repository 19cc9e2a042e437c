"""The same model trained by pythae, as its documentation says to: tensors in memory, its trainer.

Of the bench alone: pip install -e '.[bench]'
"""

import contextlib
import io
import logging
import tempfile
import time
from typing import Any

import torch
from peers import BATCH, LEARNING_RATE, networks
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn


class Encoder(BaseEncoder):
    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_var = self.layers(x).chunk(2, 1)
        return ModelOutput(embedding=mean, log_covariance=log_var)


class Decoder(BaseDecoder):
    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)))


class Watch(TrainingCallback):
    """Takes the time from before the first batch to after the last."""

    start = stop = 0.0

    def on_train_step_begin(self, training_config: Any, **_: Any) -> None:
        self.start = time.perf_counter()

    def on_train_step_end(self, training_config: Any, **_: Any) -> None:
        self.stop = time.perf_counter()


def pythae(kind: str, latent_dim: int, images: Tensor, steps: int) -> float:
    """Returns the seconds of an epoch of so many steps."""
    logging.getLogger("pythae").setLevel(logging.ERROR)
    logging.getLogger("pythae.trainers.base_trainer.base_trainer").setLevel(logging.ERROR)
    chosen = images[: steps * BATCH].float() / 255
    encoder, decoder = networks(kind, latent_dim)
    config = VAEConfig(
        input_dim=tuple(images.shape[1:]), latent_dim=latent_dim, reconstruction_loss="bce"
    )
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            model=VAE(config, encoder=Encoder(encoder), decoder=Decoder(decoder)),
            train_dataset=BaseDataset(chosen, torch.zeros(len(chosen))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                learning_rate=LEARNING_RATE,
                per_device_train_batch_size=BATCH,
                no_cuda=True,
            ),
            callbacks=[watch],
        )
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            trainer.train()
    return watch.stop - watch.start
