"""The parts of a training, put together in the same way in each of the processes that do it."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import Logger

from vae_lab.callbacks.picture import grouped
from vae_lab.checkpoints import AtomicCheckpointIO
from vae_lab.config.instantiate import instantiate
from vae_lab.data.datamodule import ImageDataModule, share
from vae_lab.errors import UserError
from vae_lab.training.resume_state import Memory, Start
from vae_lab.vae import VAE


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

    data = ImageDataModule.from_config(config, trust=trust)
    data.setup("fit")
    model = VAE.from_config(config, data.image_shape, trust=trust)
    if mode := config["compile"]:
        # The compiler looks at the gradient of the decoder's input, which nobody wants to know.
        warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor that is not")
        # In place: the names of the weights stay as they are in checkpoints.
        for network in (model.encoder, model.decoder):
            network.compile(mode=mode)
    memory = Memory(start=start)
    trainer = build_trainer(config, folder, trust=trust, first=[memory])
    share(data, trainer)
    return Parts(data, model, memory, trainer)


@contextmanager
def matrix_products(config: Mapping[str, Any]) -> Iterator[None]:
    """Trains with the precision that `matmul_precision` gives products of fp32 matrices."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(config["matmul_precision"])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def build_trainer(
    config: Mapping[str, Any], folder: Path, *, trust: bool, first: Sequence[Callback] = ()
) -> pl.Trainer:
    """Returns the trainer of a resolved configuration, with its callbacks and loggers.

    Args:
        config: the configuration.
        folder: where everything goes.
        trust: see `locate`.
        first: callbacks of the run itself, before those of the configuration.
    """
    arguments = dict(config["trainer"])
    nodes = dict(config["callbacks"])
    if not arguments["enable_progress_bar"]:
        nodes.pop("progress", None)
    if config["data"]["num_val"] == 0:
        arguments["limit_val_batches"] = 0
    callbacks = [*first, *grouped(instantiate(node, trust=trust) for node in nodes.values())]
    if arguments.get("enable_checkpointing", True):
        callbacks += model_checkpoints(folder, has_validation=config["data"]["num_val"] > 0)
    loggers: list[Logger] = [
        instantiate(node, trust=trust, save_dir=str(folder)) for node in config["logger"].values()
    ]
    # The bar is a callback of ours; Lightning would add its own beside it.
    if not any(name == "progress" for name in nodes):
        arguments["enable_progress_bar"] = False
    arguments["plugins"] = [*_listed(arguments.get("plugins")), AtomicCheckpointIO()]
    try:
        return pl.Trainer(
            **arguments, callbacks=callbacks, logger=loggers or False, default_root_dir=str(folder)
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error


def model_checkpoints(folder: Path, *, has_validation: bool) -> list[ModelCheckpoint]:
    """Returns what keeps `checkpoints/best.ckpt` (by the validation bound) and `last.ckpt`."""
    keep = partial(ModelCheckpoint, dirpath=folder / "checkpoints", enable_version_counter=False)
    # Not `save_last`, which writes only when another checkpoint was due.
    last = keep(filename="last", save_on_train_epoch_end=True)
    if not has_validation:
        return [last]
    best = keep(
        filename="best",
        monitor="elbo/val",
        mode="max",
        save_weights_only=True,
        auto_insert_metric_name=False,
        # Whenever there is a new validation bound, which need not be after every epoch.
        save_on_train_epoch_end=False,
    )
    return [best, last]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
