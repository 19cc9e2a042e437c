"""What an exported folder holds, and how it is read: a model that needs no run. No torch.

`python -m vae_lab.export` writes it. A folder can be a stranger's: it is read in bounds, nothing in
it is unpickled, and the weights are those that `config.json` has the checksum of.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae_lab.class_labels import classes_of
from vae_lab.environment import memory_bytes
from vae_lab.errors import UserError, refusing
from vae_lab.reading import MOST_TEXT, is_kind, parse_json, read_inside
from vae_lab.run_folder import RunResult
from vae_lab.starting_weights import EXAMPLE, EXAMPLES, EXPORTED

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

WEIGHTS, CONFIG, CARD = EXPORTED, "config.json", "README.md"
TEST_BOUNDS = "test_bounds.json"
ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
# Draws from a prior that is not N(0, I), (N, Z): what a program without torch decodes.
PRIOR_DRAWS = "prior_draws.npy"
PICTURES = "pictures"

# The names of what the graphs take, and the version of ONNX's operations: onnxruntime has it since
# 1.14.
IMAGE, Z, LABEL, OPSET = "image", "z", "label", 18

FORMAT, VERSION = "vae-lab", 1

# Quantiles of the test images' bounds that are kept, from the lowest to the highest.
_QUANTILES = 1001

_KINDS: dict[str, Any] = {
    "format_version": int,
    "config_hash": str,
    "image_shape": list[int],
    "weights": str,
    "weights_epoch": int,
    "weights_sha256": str,
    "config": dict[str, Any],
    "result": dict[str, Any],
    "evaluations": list[dict[str, Any]],
}


class Graph(NamedTuple):
    """An ONNX file: what it takes and gives, each with its shape for one image.

    `difference` is the largest to torch, on random batches.
    """

    file: str
    given: dict[str, list[int]]
    results: dict[str, list[int]]
    difference: float


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """What `config.json` says of the weights beside it.

    `config` is the resolved configuration of the run, without what says where files lie or how
    visibly a run works. `evaluations` are those of the same weights, as their files hold them, each
    with the `name` of its file.
    """

    config: Mapping[str, Any]
    image_shape: tuple[int, ...]  # C, H, W
    config_hash: str
    weights: str  # best or last
    weights_epoch: int
    weights_sha256: str
    result: RunResult
    evaluations: list[dict[str, Any]]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that the model is given; none without a condition."""
        return classes_of(self.config, self.result)


def is_exported(folder: Path) -> bool:
    """Tells whether a folder holds an exported model, whatever its files hold."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def located(folder: Path | str) -> Path:
    """Returns the folder that a path or `example:NAME` names; see `example`."""
    if (name := str(folder)).startswith(EXAMPLE):
        return example(name.removeprefix(EXAMPLE))
    return Path(folder).expanduser()


def example_names() -> list[str]:
    """Returns the names of the trained models that come with the package."""
    return sorted(path.parent.name for path in EXAMPLES.glob(f"*/{CONFIG}"))


def example(name: str) -> Path:
    """Returns the folder of a trained model that comes with the package.

    Raises:
        UserError: There is none of that name.
    """
    names = example_names()
    if name not in names:
        allowed = ", ".join(EXAMPLE + other for other in names)
        raise UserError(f"there is no trained model {EXAMPLE}{name}: name one of {allowed}.")
    return EXAMPLES / name


def read_config(folder: Path) -> ExportedModel:
    """Returns what `config.json` in an exported folder says.

    Raises:
        UserError: It is damaged, of a later version, or of something else.
    """
    path = folder / CONFIG
    with refusing(f"{path} cannot be read"):
        content = parse_json(read_inside(path, folder, most=MOST_TEXT))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it is not of an exported model of VAE Lab")
        if wrong := [key for key, kind in _KINDS.items() if not is_kind(content.get(key), kind)]:
            raise ValueError(f"{wrong[0]} is missing, or of another kind")
        if content["format_version"] > VERSION:
            raise UserError(
                f"{folder} was exported by a later version of VAE Lab (format "
                f"{content['format_version']}, and this one reads {VERSION}): update VAE Lab."
            )
        if len(content["image_shape"]) != 3 or min(content["image_shape"]) < 1:
            raise ValueError("image_shape is not C, H, W")
        kept = {key: content[key] for key in _KINDS if key != "format_version"}
        kept["image_shape"] = tuple(content["image_shape"])
        return ExportedModel(
            **kept | {"result": RunResult.from_json(json.dumps(content["result"]))}
        )


def read_weights(folder: Path) -> "dict[str, Tensor]":
    """Returns the weights in an exported folder by their names in the model, on the CPU.

    Raises:
        UserError: They are not whole, or not those that `config.json` describes.
    """
    from safetensors.torch import load

    path, expected = folder / WEIGHTS, read_config(folder).weights_sha256
    data = read_inside(path, folder, most=memory_bytes() // 2)
    if hashlib.sha256(data).hexdigest() != expected:
        raise UserError(
            f"{path} does not hold the weights that {CONFIG} describes: it was changed, or is not "
            f"whole. Export the run again, or download the folder again."
        )
    with refusing(f"{path} cannot be read"):
        return load(data)


def test_bounds_as_json(bounds: "np.ndarray") -> str:
    """Returns the content of `test_bounds.json` for the bounds of test images in nats, (N,)."""
    import numpy as np

    quantiles = np.quantile(bounds, np.linspace(0, 1, _QUANTILES))
    return json.dumps({"num_images": len(bounds), "bounds": quantiles.round(2).tolist()}) + "\n"


def read_test_bounds(folder: Path) -> "np.ndarray | None":
    """Returns quantiles of the bounds of the test images in nats, ascending, (1001,).

    They are at equal steps of probability, so the share of them below a value is that of the
    images. None if the folder does not hold them.

    Raises:
        UserError: The file is damaged, or not one of ours.
    """
    path = folder / TEST_BOUNDS
    if not path.exists():
        return None
    import numpy as np

    with refusing(f"{path} cannot be read"):
        content = parse_json(read_inside(path, folder, most=MOST_TEXT))
        if not is_kind(content, {"bounds": list[float]}) or not content["bounds"]:
            raise ValueError("it does not hold the bounds of images")
        return np.sort(np.array(content["bounds"], dtype=float))
