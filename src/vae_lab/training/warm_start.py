"""The start of a training with the weights of another run (`init_from`)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from vae_lab.checkpoints import read_checkpoint
from vae_lab.config.identity import INIT_FROM, INIT_WEIGHTS
from vae_lab.errors import UserError, refusing
from vae_lab.starting_weights import checksum, source_file

log = logging.getLogger(__name__)

# So many names of weights are shown in a line.
_NAMED = 3


class _Difference(NamedTuple):
    """A weight of one name that is not taken, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def start_from(model: nn.Module, config: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Puts the weights of `init_from` into a model; returns `warm_start` of `result.json`.

    Only weights, and buffers, of the same name and shape are taken. A relative path begins in
    `directory`.

    Raises:
        UserError: They are not those that were there when the run was planned, or do not fit.
    """
    source = config[INIT_FROM]
    path = source_file(source, directory)
    if checksum(path) != config[INIT_WEIGHTS]:
        raise UserError(
            f"the weights of init_from={source} have changed since this run was planned: start "
            f"the run again, or put the weights back."
        )
    given, own = read_weights(path), model.state_dict()
    differences = _differences(given, own)
    if differences and config["init_strict"]:
        raise UserError(
            f"the weights of init_from={source} do not fit this model: {_some(differences)}. Set "
            f"model, latent_dim, prior, likelihood and data as they were there, or add "
            f"init_strict=false, which takes those that fit."
        )
    other = {difference.name for difference in differences}
    fitting = {name: weight for name, weight in given.items() if name not in other}
    if not fitting:
        raise UserError(
            f"no weight of init_from={source} fits this model: {_some(differences)}. Choose the "
            f"model that it has, or leave init_from out."
        )
    model.load_state_dict(fitting, strict=False)
    return {
        "source": source,
        "weights": config[INIT_WEIGHTS],
        "not_taken": [str(difference) for difference in differences],
    }


def announce(name: str, warm_start: Mapping[str, Any]) -> None:
    """Logs where the weights of the run `name` come from, and which do not."""
    if warm_start:
        log.info("%s: starts from the weights of %s", name, warm_start["source"])
        for weight in warm_start["not_taken"]:
            log.warning("%s: init_from does not give %s", name, weight)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Returns the weights in a checkpoint or in a file of safetensors."""
    if path.suffix != ".safetensors":
        return read_checkpoint(path)["state_dict"]
    from safetensors.torch import load_file

    with refusing(f"{path} cannot be read"):
        return load_file(path)


def _differences(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[_Difference]:
    """Returns the weights that are not in both, or of different shapes or kinds."""
    found = []
    for name, weight in own.items():
        other = given.get(name)
        if other is None:
            found.append(_Difference(name, "not in the source"))
        elif other.shape != weight.shape:
            shapes = f"{tuple(other.shape)} in the source, {tuple(weight.shape)} here"
            found.append(_Difference(name, shapes))
        elif other.is_floating_point() != weight.is_floating_point():
            found.append(_Difference(name, f"{other.dtype} in the source, {weight.dtype} here"))
    return found + [_Difference(name, "only in the source") for name in given if name not in own]


def _some(differences: list[_Difference]) -> str:
    more = len(differences) - _NAMED
    names = ", ".join(map(str, differences[:_NAMED]))
    return f"{names} and {more} more" if more > 0 else names
