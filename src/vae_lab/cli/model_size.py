"""The number of weights of a model that is not made: of its shapes only."""

from collections.abc import Mapping
from typing import Any

import torch

from vae_lab.errors import UserError
from vae_lab.vae import VAE


def num_parameters(config: Mapping[str, Any], image_shape: tuple[int, ...]) -> int | None:
    """Returns the number of weights for images (C, H, W); None if only making them tells it.

    Raises:
        UserError: if there is no such model.
    """
    try:
        with torch.device("meta"):  # tensors with a shape and without values
            model = VAE.from_config(config, image_shape, trust=True)
    except UserError:
        raise
    except Exception:  # a class of somebody else may need values
        return None
    return sum(parameter.numel() for parameter in model.parameters())
