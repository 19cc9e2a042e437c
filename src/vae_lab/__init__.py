"""VAE Lab: train variational auto-encoders, compare them, and see what they learned.

import vae_lab
vae = vae_lab.load("example:conv-z10")  # or a run: "outputs/runs/NAME"
images = vae.sample(16, seed=0)
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
