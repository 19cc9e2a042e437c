"""From the folder of a run, or an exported one, to a model that can be used."""

from pathlib import Path

import torch

from vae_lab.checkpoints import exported_model, trained_model
from vae_lab.errors import UserError
from vae_lab.exported import is_exported, located
from vae_lab.run_folder import RunFolder
from vae_lab.trained_vae.model import TrainedVAE


def load(folder: Path | str, *, weights: str | None, trust: bool) -> TrainedVAE:
    """Returns the model of a run's or an exported folder; see `vae_lab.load`.

    Raises:
        UserError: The folder is neither, or its weights are not whole or of another run.
    """
    path = located(folder)
    # Building draws starting weights from torch's own generator: the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        return (_of_export if is_exported(path) else _of_run)(path, weights, trust)


def _of_run(folder: Path, weights: str | None, trust: bool) -> TrainedVAE:
    run = RunFolder(folder)
    _ = run.config  # raises if the folder is not a run
    model, _ = trained_model(run, run.checkpoint(weights), trust=trust)
    return TrainedVAE(
        model=model.float().eval(),
        image_shape=run.image_shape,
        config=run.config,
        result=run.require_result(),
        folder=folder,
    )


def _of_export(folder: Path, weights: str | None, trust: bool) -> TrainedVAE:
    model, about = exported_model(folder, trust=trust)
    if weights not in (None, about.weights):
        raise UserError(f"{folder} holds the weights {about.weights} only, got weights={weights}.")
    return TrainedVAE(
        model=model.float().eval(),
        image_shape=about.image_shape,
        config=about.config,
        result=about.result,
        folder=folder,
    )
