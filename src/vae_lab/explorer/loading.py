"""A finished run as a page needs it: the model with the tested weights, and the images."""

from collections.abc import Mapping
from typing import Any

import torch

from vae_lab.checkpoints import trained_model
from vae_lab.errors import UserError
from vae_lab.evaluate.recorded_images import images_of
from vae_lab.explorer.content import TrainedRun
from vae_lab.run_folder import RunFolder


def load(run: RunFolder, settings: Mapping[str, Any]) -> TrainedRun:
    """Returns a run from its folder; `settings` are `data_root`, `data_path` and `trust`.

    Raises:
        UserError: The checkpoint is not whole, or the images are not those of the run.
    """
    # Building draws starting weights from torch's own generator: the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        model, _ = trained_model(run, run.checkpoint(None), trust=settings["trust"])
    data = images_of(run, settings)
    # Runs of earlier versions know less of their images: what they do not know is not compared.
    known = run.require_result().data
    same = all(known.get(key, value) == value for key, value in data.facts().items())
    if not same or data.image_shape != run.image_shape:
        raise UserError(
            f"the images are not those that {run.name} was trained on: name their place with "
            f"--data-path PATH, or --data-root FOLDER for a published data set."
        )
    return TrainedRun(run, model.float().eval(), data)
