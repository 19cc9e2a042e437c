"""What encoder and decoder are told of an image besides its pixels (`conf/condition`)."""

from vae_lab.conditions.base import Condition, Unconditional
from vae_lab.conditions.label import ClassLabel

__all__ = ["ClassLabel", "Condition", "Unconditional"]
