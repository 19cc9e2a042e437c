"""A trained model as an object to use: `vae_lab.load(FOLDER)`. No data set is needed."""

from vae_lab.trained_vae.loading import load
from vae_lab.trained_vae.model import TrainedVAE

__all__ = ["TrainedVAE", "load"]
