"""The parts of a training, put together in the same way in each of the processes that do it."""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, ProgressBar, WeightAveraging
from pytorch_lightning.loggers import Logger

from vae_lab.callbacks.picture import PictureCallback, Visualization
from vae_lab.checkpoints import AtomicCheckpointIO
from vae_lab.config.identity import INIT_FROM
from vae_lab.config.instantiate import instantiate
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.environment import gpus_hidden, memory_bytes
from vae_lab.errors import UserError
from vae_lab.matrix_products import matrix_products
from vae_lab.run_folder import BEST, LAST, RunFolder
from vae_lab.training.classifier_curve import ClassifierCurve
from vae_lab.training.ending import LimitWarnings
from vae_lab.training.one_device import without_unused_hooks
from vae_lab.training.progress_file import ProgressFile
from vae_lab.training.resume_state import ResumePoint, ResumeState
from vae_lab.training.warm_start import start_from
from vae_lab.vae import VAE


class CompiledSteps(Callback):
    """Lets compiled networks be used in training steps only.

    Validation, pictures and the test have images of other numbers, for each of which there would be
    compiling, and CUDA graphs write every output without gradients to the same place.
    """

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        torch.compiler.set_stance("force_eager")

    def on_train_batch_start(self, *_: Any) -> None:
        torch.compiler.set_stance("default")

    def on_train_batch_end(self, *_: Any) -> None:
        torch.compiler.set_stance("force_eager")

    def teardown(self, *_: Any, **__: Any) -> None:
        torch.compiler.set_stance("default")


def without_compiling() -> AbstractContextManager[Any]:
    """Has compiled networks compute as they are written, for any number of images."""
    # Setting a stance imports the compiler. Without it, nothing was compiled.
    is_imported = "torch._dynamo.eval_frame" in sys.modules
    return torch.compiler.set_stance("force_eager") if is_imported else nullcontext()


class EpochCheckpoint(ModelCheckpoint):
    """One that is due at the end of an epoch or a validation, and does nothing in a step.

    Lightning's looks in every step whether it is due, and builds its name for each hook again.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # The name by which checkpoints know Lightning's class.
        settings_of_name = super().state_key.removeprefix(type(self).__qualname__)
        self._key = f"{ModelCheckpoint.__qualname__}{settings_of_name}"

    @property
    def state_key(self) -> str:
        return self._key

    def on_train_batch_end(self, *_: Any) -> None:
        pass


class Parts(NamedTuple):
    """What a training is made of."""

    data: ImageDataModule
    model: VAE
    resume_state: ResumeState
    trainer: pl.Trainer
    warm_start: dict[str, Any]  # see `warm_start.start_from`; empty without `init_from`


def assemble(
    config: Mapping[str, Any],
    folder: RunFolder,
    point: ResumePoint,
    *,
    trust: bool,
    data: Mapping[str, Any] | None = None,
) -> Parts:
    """Returns the parts of a run that begins at `point`; see `run.RunRequest` for the rest.

    `data` is that part of the configuration with the places where the images are now.
    """
    torch.set_num_threads(config["threads"])
    _quiet_lightning()
    # The data first: the model is made for the shape of its images.
    located = {**config, "data": data or config["data"]}
    images = ImageDataModule.from_config(located, trust=trust)
    images.setup("fit")
    model = _model(config, images.image_shape, images.num_classes, trust=trust)
    warm_start = {}
    # The weights of a resumed run are in its checkpoint.
    if config.get(INIT_FROM) is not None and point.checkpoint is None:
        directory = Path(folder.require_result().directory or "")
        warm_start = start_from(model, config, directory)
    resume_state = ResumeState(point=point)
    own: list[Callback] = [resume_state, LimitWarnings(), ProgressFile()]
    own += [CompiledSteps()] if config["compile"] else []
    own += [ClassifierCurve()] if images.labelled is not None else []
    trainer = build_trainer(config, folder, trust=trust, first=own)
    images.check_processes(trainer.world_size)
    return Parts(images, model, resume_state, trainer, warm_start)


def _quiet_lightning() -> None:
    """Leaves out of the log what does not describe the experiment, or what the run says itself."""
    # Lightning's lines on devices and tips do not describe the experiment, nor does what it
    # calls deprecated in torch.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    # A callback that is told to be verbose, or to describe the model, is heard.
    logging.getLogger("pytorch_lightning.callbacks").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
    warnings.filterwarnings("ignore", message="Checkpoint directory .* not empty")
    # The run says so itself.
    warnings.filterwarnings("ignore", message=".*AMP with fp16 is not supported on CPU")


def _model(
    config: Mapping[str, Any], shape: tuple[int, ...], num_classes: int, *, trust: bool
) -> VAE:
    """Returns the model of a configuration for images (C, H, W), compiled if that says so."""
    if not trust:
        check_size(config, shape, num_classes)
    model = VAE.from_config(config, shape, num_classes=num_classes, trust=trust)
    if mode := config["compile"]:
        # The compiler looks at the gradient of the decoder's input, which nobody wants to know.
        warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor that is not")
        # In place: the names of the weights stay as they are in checkpoints.
        classifier = getattr(model.condition, "classifier", None)
        for network in filter(None, (model.encoder, model.decoder, classifier)):
            network.compile(mode=mode)
    return model


def check_size(config: Mapping[str, Any], shape: tuple[int, ...], num_classes: int) -> None:
    """Raises UserError if the memory cannot hold the training of a stranger's configuration."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = VAE.from_config(config, shape, num_classes=num_classes, trust=False)
    # Weights, gradients, and two means of those.
    sizes = (weight.numel() * weight.element_size() for weight in model.parameters())
    needed, memory = 4 * sum(sizes), memory_bytes()
    if needed > memory:
        raise UserError(
            f"the model of this configuration needs {needed >> 30:,} GB of memory, of "
            f"{memory >> 30:,}: it cannot be trained on this machine."
        )


@contextmanager
def machine_settings(config: Mapping[str, Any]) -> Iterator[None]:
    """Trains without a look at GPUs on the processor, and with the wanted precision of products."""
    with matrix_products(config["matmul_precision"]), gpus_hidden(config):
        yield


def build_trainer(
    config: Mapping[str, Any], folder: RunFolder, *, trust: bool, first: Sequence[Callback] = ()
) -> pl.Trainer:
    """Returns the trainer of a resolved configuration, with its callbacks and loggers.

    Args:
        config: the configuration.
        folder: where everything goes.
        trust: see `locate`.
        first: callbacks of the run itself, before those of the configuration.
    """
    arguments = dict(config["trainer"])
    if config["data"]["num_val"] == 0:
        arguments["limit_val_batches"] = 0
    callbacks = [*first, *_callbacks(config, folder, arguments, trust=trust)]
    # Loggers: all of them write into the run's folder, or name their row after it.
    loggers: list[Logger] = [
        instantiate(node, trust=trust, save_dir=str(folder.path))
        for node in config["logger"].values()
    ]
    try:
        trainer = pl.Trainer(
            **{**arguments, **without_unused_hooks(arguments)},
            callbacks=callbacks,
            logger=loggers or False,
            default_root_dir=str(folder.path),
            plugins=[AtomicCheckpointIO()],
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error
    if arguments.get("profiler"):
        # Its report is a file of the run: fit-profile.txt.
        profiler = trainer.profiler  # type: ignore[attr-defined]  # set from elsewhere
        profiler.dirpath, profiler.filename = folder.path, "profile"
    return trainer


def _callbacks(
    config: Mapping[str, Any], folder: RunFolder, arguments: dict[str, Any], *, trust: bool
) -> list[Callback]:
    """Returns the callbacks of a configuration, and what keeps checkpoints.

    Sets whether there is a progress bar in the trainer's `arguments`.
    """
    parts = [instantiate(node, trust=trust) for node in config["callbacks"].values()]
    if not arguments["enable_progress_bar"]:
        # Lightning refuses a bar then, even a silent one.
        parts = [part for part in parts if not isinstance(part, ProgressBar)]
    # Without a bar in the configuration Lightning would add its own.
    arguments["enable_progress_bar"] = any(isinstance(part, ProgressBar) for part in parts)
    callbacks = with_pictures_together(parts)
    if arguments.get("enable_checkpointing", True):
        by = config.get("best_by") or instantiate(config["objective"], trust=trust).best_by
        has_validation = config["data"]["num_val"] > 0
        averages = any(isinstance(part, WeightAveraging) for part in parts)
        callbacks += model_checkpoints(
            folder, best_by=by if has_validation else None, averages=averages
        )
    return callbacks


def with_pictures_together(parts: Sequence[Any]) -> list[Callback]:
    """Returns the callbacks, all pictures in a single one at the place of the first."""
    pictures = [part for part in parts if isinstance(part, Visualization)]
    callbacks = [part for part in parts if not isinstance(part, Visualization)]
    if pictures:
        callbacks.insert(parts.index(pictures[0]), PictureCallback(pictures))
    return callbacks


def model_checkpoints(
    folder: RunFolder, *, best_by: str | None, averages: bool
) -> list[ModelCheckpoint]:
    """Returns what keeps `checkpoints/last.ckpt`, and `best.ckpt` if there is validation.

    The best weights are those of the highest `elbo/val`, or the lowest other metric `best_by`.
    `averages` tells whether a callback averages weights.
    """
    keep = partial(EpochCheckpoint, dirpath=folder.checkpoints, enable_version_counter=False)
    # Not `save_last`, which writes only when another checkpoint was due.
    last = keep(filename=Path(LAST).stem, save_on_train_epoch_end=True)
    if best_by is None:
        return [last]
    best = keep(
        filename=Path(BEST).stem,
        monitor=f"{best_by}/val",
        mode="max" if best_by == "elbo" else "min",
        # Validation sees the averaged weights, and they come only with the callbacks' state.
        save_weights_only=not averages,
        auto_insert_metric_name=False,
        # Whenever there is a new validation bound, which need not be after every epoch.
        save_on_train_epoch_end=False,
    )
    return [best, last]
