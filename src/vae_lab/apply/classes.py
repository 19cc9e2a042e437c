"""The class of each picture, for a conditional model: the one that was given, or the most probable.

Shapes: N pictures, C, H, W of an image.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.generative_model import BATCH

if TYPE_CHECKING:
    from vae_lab.trained_vae import TrainedVAE


class PictureClass(NamedTuple):
    """The class of a picture, and p(y|x) of it; None if the class was given."""

    name: str
    probability: float | None

    @property
    def words(self) -> str:
        """What it is, as the line of a picture says it."""
        if self.probability is None:
            return f"as class {self.name}"
        return f"most probable class {self.name} ({percent(self.probability)})"

    @property
    def short(self) -> str:
        """What it is, below a picture in a sheet."""
        if self.probability is None:
            return f"class {self.name}"
        return f"class {self.name}, {percent(self.probability)}"

    def columns(self) -> dict[str, Any]:
        """Returns what a table and the record say of it."""
        known = {"label": self.name}
        return (
            known if self.probability is None else known | {"label_probability": self.probability}
        )


def classes_of_pictures(
    vae: "TrainedVAE", images: Tensor, label: str | None
) -> list[PictureClass | None]:
    """Returns the class of each image (N, C, H, W); None for a model without a condition.

    Without a `label`, it is the most probable class by Bayes' rule.
    """
    if not vae.classes:
        return [None] * len(images)
    if label is not None:
        return [PictureClass(label, None)] * len(images)
    parts = [vae.classify(part) for part in torch.split(images, BATCH)]
    chosen = torch.cat(parts).max(dim=1)
    return [
        PictureClass(vae.classes[place], probability)
        for place, probability in zip(chosen.indices, chosen.values.tolist(), strict=True)
    ]


def probable_classes(probabilities: Mapping[str, float]) -> str:
    """Returns the classes that are worth a word, with their probabilities."""
    names = sorted(probabilities, key=lambda name: -probabilities[name])
    shown = [name for name in names[:3] if probabilities[name] >= 0.01]
    return ", ".join(f"{name} ({percent(probabilities[name])})" for name in shown)


def file_name(classes: Sequence[str], name: str) -> str:
    """Returns how a class is called in the name of a file: its place, and the name beside it."""
    place, word = classes.index(name), re.sub(r"[^\w-]+", "-", name)[:30]
    return word if word == str(place) else f"{place}-{word}"


def percent(probability: float) -> str:
    """Returns a probability in words. No estimate is certain."""
    if probability > 0.995:
        return "over 99 %"
    return "under 1 %" if probability < 0.005 else f"{100 * probability:.0f} %"


def names(classes: Sequence[PictureClass | None]) -> list[str] | None:
    """Returns the labels of pictures as a model takes them; None without a condition."""
    known = [it.name for it in classes if it is not None]
    return known or None
