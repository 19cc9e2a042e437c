"""VAE Lab: train variational auto-encoders, compare them, and see what they learned.

import vae_lab
vae = vae_lab.load("outputs/runs/NAME")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_lab.trained_vae import TrainedVAE

__version__ = "0.1.0"


def load(folder: "Path | str", *, weights: str | None = None, trust: bool = False) -> "TrainedVAE":
    """Returns the trained model of a run's folder, ready to use; no data set is needed.

    Args:
        folder: the run's folder.
        weights: `best` or `last`; None: best where there is one.
        trust: whether classes from outside the package, named in the folder's `config.yaml`, may be
            imported. Only for runs of your own.

    Raises:
        ValueError: where the folder is no run, or its checkpoint is not whole or not its own.
    """
    # Imports torch, which `import vae_lab` must not.
    from vae_lab.trained_vae import load as load_run

    return load_run(folder, weights=weights, trust=trust)
