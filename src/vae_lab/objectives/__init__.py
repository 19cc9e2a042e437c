"""What training minimises: the ELBO and its relatives, one paper per file (`conf/objective`)."""

from vae_lab.objectives.base import Draws, Objective, Terms
from vae_lab.objectives.beta_tc import BetaTC
from vae_lab.objectives.elbo import CapacityElbo, CyclicElbo, Elbo, FreeBitsElbo, WarmUpElbo
from vae_lab.objectives.iwae import Iwae
from vae_lab.objectives.mmd import Mmd

__all__ = [
    "BetaTC",
    "CapacityElbo",
    "CyclicElbo",
    "Draws",
    "Elbo",
    "FreeBitsElbo",
    "Iwae",
    "Mmd",
    "Objective",
    "Terms",
    "WarmUpElbo",
]
