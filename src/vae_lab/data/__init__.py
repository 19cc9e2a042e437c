"""The data sets: downloaded and verified, read, split and handed out in batches.

A data set of your own is a `Source`: a class with `load`, which returns `Images`. No torch.
"""

from vae_lab.data.images import Factors, Images, MemmapImages, Source

__all__ = ["Factors", "Images", "MemmapImages", "Source"]
