"""The one place that makes objects from a configuration.

A configuration is text that somebody may have sent. What it names in `_target_` is looked up, and
the object that is found decides, not the path that led to it: it must be a class, and one of the
few modules below, unless the configuration is the person's own. Nothing else is even imported:
importing a module runs it. All of torch would be too much: some of its classes start processes.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import Logger
from torch import nn

from vae_lab.callbacks.together import grouped
from vae_lab.checkpoints import SafeCheckpoints, read_checkpoint
from vae_lab.data.module import ImageDataModule
from vae_lab.errors import UserError, first_line
from vae_lab.identity import config_hash
from vae_lab.module import VAE, Recipe
from vae_lab.rules import OWN_TRAINER_KEYS
from vae_lab.schedules import learning_rate_factor

# Modules, and packages with a dot behind, whose classes neither run nor write anything of a
# configuration's choosing. A test constructs the known way out of torch.
ALLOWED_MODULES = (
    "vae_lab.",
    "torch.nn.modules.",
    "torch.optim.",
    "pytorch_lightning.callbacks.early_stopping",
    "pytorch_lightning.callbacks.gradient_accumulation_scheduler",
    "pytorch_lightning.callbacks.lr_monitor",
    "pytorch_lightning.callbacks.timer",
)
# How those are usually named.
ALLOWED_PATHS = (*ALLOWED_MODULES, "torch.nn.", "pytorch_lightning.callbacks.")
# What `optimizer` holds beside the optimiser's own arguments.
SCHEDULE_KEYS = ("schedule", "warmup")


def locate(target: Any, *, trust: bool) -> type:
    """Returns the class that a `_target_` such as `vae_lab.networks.ConvEncoder` names.

    Args:
        target: the dotted path.
        trust: whether classes of other packages may be used: the person's own, from their own
            command line, never from a file that somebody sent.

    Raises:
        UserError: where nothing is there, or something that may not be used.
    """
    if not isinstance(target, str):
        raise UserError(f"_target_={target} is no text: name a class.")
    if not trust and not target.startswith(ALLOWED_PATHS):
        raise _untrusted(target)
    module_name, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"_target_={target} cannot be found: {error}.") from error
    if not isinstance(found, type):
        raise UserError(f"_target_={target} is no class: name one.")
    if not trust and not f"{found.__module__}.".startswith(ALLOWED_MODULES):
        raise _untrusted(target)
    return found


def _untrusted(target: str) -> UserError:
    return UserError(
        f"_target_={target} is not of this package, torch.nn or torch.optim, and this "
        f"configuration is not trusted: add trust=true if it is your own."
    )


def instantiate(node: Mapping[str, Any], *, trust: bool, **given: Any) -> Any:
    """Returns the object of a node with `_target_`; `given` joins the node's own arguments."""
    arguments = {
        key: instantiate(value, trust=trust) if _is_node(value) else value
        for key, value in node.items()
        if key != "_target_"
    }
    cls = locate(node["_target_"], trust=trust)
    try:
        return cls(**arguments, **given)
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{node['_target_']}: {error}") from error


def data_module(config: Mapping[str, Any], *, trust: bool) -> ImageDataModule:
    """Returns the data of a resolved configuration; nothing is read yet."""
    data = config["data"]
    return ImageDataModule(
        source=instantiate(data["source"], trust=trust),
        batch_size=data["batch_size"],
        num_val=data["num_val"],
        split_seed=data["split_seed"],
        seed=config["seed"],
        binarize=data["binarize"],
    )


def vae(config: Mapping[str, Any], image_shape: tuple[int, ...], *, trust: bool) -> VAE:
    """Returns the model of a resolved configuration, its weights drawn from `seed`."""
    # Before the first layer: the starting weights belong to the seed. Zero is a seed.
    torch.manual_seed(config["seed"])
    make = partial(instantiate, trust=trust)
    sizes = {"image_shape": image_shape, "latent_dim": config["latent_dim"]}
    optimizer = {k: v for k, v in config["optimizer"].items() if k not in SCHEDULE_KEYS}

    def make_optimizer(named: Iterable[tuple[str, nn.Parameter]]) -> torch.optim.Optimizer:
        return make(optimizer, params=named)

    schedule = learning_rate_factor(*(config["optimizer"][key] for key in SCHEDULE_KEYS))
    model = VAE(
        encoder=make(config["model"]["encoder"], **sizes),
        decoder=make(config["model"]["decoder"], **sizes),
        prior=make(config["prior"], latent_dim=config["latent_dim"]),
        likelihood=make(config["likelihood"]),
        objective=make(config["objective"]),
        recipe=Recipe(make_optimizer, schedule),
        latent_dim=config["latent_dim"],
        seed=config["seed"],
    )
    model.prior.attach(model.encoder, image_shape)
    model.config_hash = config_hash(config)
    return model


def trainer(
    config: Mapping[str, Any], folder: Path, *, trust: bool, first: Sequence[Callback] = ()
) -> pl.Trainer:
    """Returns the trainer of a resolved configuration, with its callbacks and loggers.

    Args:
        config: the configuration.
        folder: where everything goes.
        trust: see `locate`.
        first: callbacks of the run itself, before those of the configuration.
    """
    arguments = {k: v for k, v in config["trainer"].items() if k not in OWN_TRAINER_KEYS}
    nodes = dict(config["callbacks"])
    if not arguments["enable_progress_bar"]:
        nodes.pop("progress", None)
    if config["data"]["num_val"] == 0:
        arguments["limit_val_batches"] = 0
    callbacks = [*first, *grouped(instantiate(node, trust=trust) for node in nodes.values())]
    if arguments.get("enable_checkpointing", True):
        callbacks += checkpoints(folder, has_validation=config["data"]["num_val"] > 0)
    loggers: list[Logger] = [
        instantiate(node, trust=trust, save_dir=str(folder)) for node in config["logger"].values()
    ]
    # The bar is a callback of ours; Lightning would add its own beside it.
    if not any(name == "progress" for name in nodes):
        arguments["enable_progress_bar"] = False
    arguments["plugins"] = [*_listed(arguments.get("plugins")), SafeCheckpoints()]
    try:
        return pl.Trainer(
            **arguments, callbacks=callbacks, logger=loggers or False, default_root_dir=str(folder)
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error


def checkpoints(folder: Path, *, has_validation: bool) -> list[ModelCheckpoint]:
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


class Weights(NamedTuple):
    """What is known of the weights of a checkpoint: their training, and the images it was on."""

    epochs_done: int
    fingerprint: str | None


def load_weights(model: VAE, path: Path) -> Weights:
    """Puts a checkpoint's weights into the model and returns where they come from.

    Raises:
        UserError: where the file is broken, or belongs to another configuration.
    """
    checkpoint = read_checkpoint(path)
    other = checkpoint.get("config_hash")
    if None not in (other, model.config_hash) and other != model.config_hash:
        raise UserError(
            f"{path} belongs to another configuration ({other}, not {model.config_hash}): put back "
            f"the run's own checkpoint."
        )
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} belongs to another configuration: {first_line(error)} Its weights do not fit "
            f"this model. Put back the run's own checkpoint."
        ) from error
    data = checkpoint.get(ImageDataModule.__name__)
    fingerprint = data.get("fingerprint") if isinstance(data, dict) else None
    return Weights(checkpoint["epoch"] + 1, fingerprint)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_node(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value
