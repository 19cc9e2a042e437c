"""VAE Lab: train variational auto-encoders, compare them, and see what they learned.

import vae_lab
vae = vae_lab.load("example:conv-z10")  # or a run: "outputs/runs/NAME"
images = vae.sample(16, seed=0)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

    from vae_lab.trained_vae import TrainedVAE

__version__ = "0.1.0"


def load(folder: "Path | str", *, weights: str | None = None, trust: bool = False) -> "TrainedVAE":
    """Returns a trained model, ready to use; no data set is needed.

    Args:
        folder: the folder of a run, such as `outputs/runs/NAME`; or one that `python -m
            vae_lab.export` wrote; or `example:NAME`, a model that comes with the package.
        weights: `best` (by the validation images) or `last`. None: `best` if the run has it, else
            `last`.
        trust: whether classes from outside the package, named in the folder's configuration, may
            be imported. Use it only for folders of your own.

    Raises:
        ValueError: The folder is neither, or its weights are damaged or of another run.
    """
    # Imports torch, which `import vae_lab` must not.
    from vae_lab.trained_vae import load as load_run

    return load_run(folder, weights=weights, trust=trust)


def train(
    *overrides: str,
    data: "np.ndarray | Tensor | tuple[Any, Any] | None" = None,
    labels: "np.ndarray | Tensor | Sequence[Any] | None" = None,
) -> "TrainedVAE":
    """Trains a model as `python -m vae_lab OVERRIDES` does, and returns it.

    The checks are the same, and so are the files in the run's folder and its numbers, bit for bit.
    With `"resume=RUN_FOLDER"` a run that was interrupted is resumed. Generators, threads, handlers
    and settings of the process are left as they were.

    Args:
        overrides: settings such as `"model=conv"`, `"latent_dim=10"`.
        data: images (N, C, H, W), (N, H, W) or (N, H, W, C), an array or tensor: uint8, bool, or
            floats in [0, 1]; or a pair of images and labels. They are kept in a file of
            `data=npz`, one for equal images. None: the overrides name the data.
        labels: the label of each image, (N,): whole numbers or text.

    Raises:
        UserError: Something is wrong with a setting or the images (a `ValueError`, one line).
        JobFailed: The run began and failed (a `RuntimeError`).
        KeyboardInterrupt: It was interrupted. The message says how to resume.
    """
    __tracebackhide__ = True
    from vae_lab.calls.trainings import train

    return train(overrides, data, labels)


def sweep(
    *overrides: str,
    data: "np.ndarray | Tensor | tuple[Any, Any] | None" = None,
    labels: "np.ndarray | Tensor | Sequence[Any] | None" = None,
) -> "pd.DataFrame":
    """Trains a model for each combination of values, as `python -m vae_lab -m OVERRIDES` does.

    Args:
        overrides: settings, of which some name several values, such as `"latent_dim=2,10"`.
        data: as for `train`.
        labels: as for `train`.

    Returns:
        The data frame of `vae_lab.report.load_runs` for the finished runs of this sweep.
        `frame.attrs["folder"]` is the folder of the sweep. `frame.attrs["failed"]` holds each run
        that is not finished with the reason: the others count all the same.

    Raises:
        UserError: Something is wrong with a setting or the images (a `ValueError`, one line).
        JobFailed: No run is finished (a `RuntimeError`).
        KeyboardInterrupt: It was interrupted. The same call resumes it if it has a `sweep_name`.
    """
    __tracebackhide__ = True
    from vae_lab.calls.trainings import sweep

    return sweep(overrides, data, labels)
