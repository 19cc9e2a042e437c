"""The parts of a training, put together in the same way in each of the processes that do it."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from vae_lab import build
from vae_lab.data.module import ImageDataModule
from vae_lab.memory import Memory, Start
from vae_lab.module import VAE
from vae_lab.ranks import share


class Parts(NamedTuple):
    """What a training is made of."""

    data: ImageDataModule
    model: VAE
    memory: Memory
    trainer: pl.Trainer


def assemble(config: Mapping[str, Any], folder: Path, start: Start, *, trust: bool) -> Parts:
    """Returns the parts of a run that begins at `start`; see `run.run` for the rest."""
    torch.set_num_threads(config["threads"])
    # Lightning's lines on devices and tips say nothing about the experiment, nor does what it
    # calls deprecated in torch.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
    warnings.filterwarnings("ignore", message="Checkpoint directory .* not empty")

    data = build.data_module(config, trust=trust)
    data.setup("fit")
    model = build.vae(config, data.image_shape, trust=trust)
    if mode := config["trainer"].get("compile"):
        # The compiler looks at the gradient of the decoder's input, which nobody wants to know.
        warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor that is not")
        # In place: the names of the weights stay as they are in checkpoints.
        for network in (model.encoder, model.decoder):
            network.compile(mode=mode)
    memory = Memory(start=start)
    trainer = build.trainer(config, folder, trust=trust, first=[memory])
    share(data, trainer)
    return Parts(data, model, memory, trainer)


@contextmanager
def matrix_products(config: Mapping[str, Any]) -> Iterator[None]:
    """Trains with the precision that `trainer.matmul_precision` gives products of fp32 matrices."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(config["trainer"].get("matmul_precision", before))
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
