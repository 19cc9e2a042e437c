"""The labels that a person gives to a model: names or numbers, one for all images or one for each.

Shapes: N images.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vae_lab.class_labels import class_index, listed
from vae_lab.data.arrays import to_labels
from vae_lab.errors import UserError

Label = int | str
Labels = Label | Sequence[Label] | Tensor | np.ndarray


def class_indices(
    labels: Labels | None, classes: Sequence[str], num_images: int, *, call: str
) -> Tensor | None:
    """Returns the class of each image as a model takes it, int64 (N,); None without a condition.

    Args:
        labels: a label for all images, or one for each: see `class_index`.
        classes: the names of the classes; none if the model has no condition.
        num_images: N.
        call: the call with labels, for the message if they are missing.

    Raises:
        UserError: A model needs labels and has none, or the reverse, or they are wrong.
    """
    if not classes:
        check_no_labels(labels)
        return None
    if labels is None:
        raise UserError(
            f"this model is conditional, so it needs the class of each image: {call}, with one of "
            f"{listed(classes)} for all, or one for each. Unknown ones can be estimated: labels = "
            f"[vae.classes[k] for k in vae.classify(images).argmax(1)]."
        )
    values = _array(labels)
    if values.ndim:
        values = to_labels(values, "labels", num_images)
    elif values.dtype.kind not in "biuU":
        raise UserError(f"a label is the name of a class, or a whole number, got {labels!r}.")
    # Python's own kinds: whole numbers and text.
    given = (values + 0 if values.dtype.kind == "b" else values).reshape(-1).tolist()
    indices = torch.tensor([class_index(label, classes) for label in given])
    return indices.expand(num_images).clone() if not values.ndim else indices


def check_no_labels(labels: Labels | None) -> None:
    """Raises UserError if labels are given, which a model without a condition does not take."""
    if labels is not None:
        raise UserError(
            "this model has no condition, so it takes no labels: leave them out, or train a model "
            "with condition=label."
        )


def _array(labels: Labels) -> np.ndarray:
    if isinstance(labels, Tensor):
        return labels.detach().cpu().numpy()
    try:
        return np.asarray(labels)
    except ValueError:  # lists of several lengths
        raise UserError("labels must be one label, or a list of as many as images.") from None
