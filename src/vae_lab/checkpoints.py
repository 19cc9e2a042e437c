"""Checkpoints on disk: written whole, the one before kept, verified when read, never unpickled.

A checkpoint is a zip archive with a checksum of every part. torch does not look at the checksums
when it reads, so they are checked here: a flipped bit is a refusal, never another weight.
"""

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor

from vae_lab.config.check import check_recorded
from vae_lab.environment import memory_bytes
from vae_lab.errors import UserError, first_line, refusing
from vae_lab.exported import CONFIG as EXPORTED_CONFIG
from vae_lab.exported import WEIGHTS, ExportedModel, read_config, read_weights
from vae_lab.files import atomic
from vae_lab.reading import check_inside, check_members, read_inside
from vae_lab.run_folder import CONFIG, LAST, PREVIOUS, RunFolder, RunResult
from vae_lab.vae import VAE


class AtomicCheckpointIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints: in place of its own way by a temporary folder.

    Lightning's own moves the file from the system's temporary folder, which may be another disk:
    then a kill in the middle leaves half a file under the final name.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint beside its place, then renames it; `last` leaves its predecessor."""
        path = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with atomic(path) as partial:
            with partial.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                # Renaming must not reach the disk before the content does.
                os.fsync(file.fileno())
            if path.name == LAST and path.exists():
                path.replace(path.with_name(PREVIOUS))

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Returns a verified checkpoint; see `read_checkpoint`."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Returns the content of a checkpoint: tensors, numbers and texts, no objects.

    The file may be somebody else's, and what it says of callbacks is a command to Lightning, which
    deletes the checkpoint that a better one replaces. So each path is one of the checkpoint's
    folder, whatever the file says, and a file that Lightning would translate from an earlier form
    is refused. Lightning also forgets the best score of a run whose folder was moved.

    Raises:
        UserError: if the file is cut off, changed, or no checkpoint of this project.
    """
    try:
        # Read once: what is verified is what is used.
        data = read_inside(path, path.parent, most=memory_bytes() // 2)
        content = io.BytesIO(data)
        with zipfile.ZipFile(content) as archive:
            check_members(archive, len(data))
            if broken := archive.testzip():
                raise ValueError(f"{broken} has another checksum")
        content.seek(0)
        checkpoint = torch.load(content, map_location="cpu", weights_only=True)
        _check_kinds(checkpoint)
        if sum(map(_num_bytes, _tensors(checkpoint))) > 2 * len(data):
            raise ValueError("its tensors are larger than the file")
        folder = Path(os.path.realpath(path.parent))
        states = checkpoint.get("callbacks", {})
        checkpoint["callbacks"] = {key: _inside(state, folder) for key, state in states.items()}
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(
            f"{path} is not a whole checkpoint: it is cut off, or of another kind "
            f"({first_line(error)})."
        ) from error
    return checkpoint


def trained_model(run: RunFolder, path: Path, *, trust: bool) -> tuple[VAE, int]:
    """Returns the model of a run with the weights of its checkpoint, and how many epochs they had.

    Raises:
        UserError: if no model can be made of the configuration, or the checkpoint is another's.
    """
    config, shape = run.config, run.image_shape
    check_recorded(config)
    if not trust:
        check_inside(run.path)
    content = read_checkpoint(path)
    with refusing(f"no model can be made of {run.path / CONFIG}"):
        make = _maker(config, shape, run.require_result(), trust=trust)
        model = _model_for(content["state_dict"], path, make, trust=trust)
    # The configuration belongs to this result, whose hash may be of an earlier version.
    result = run.require_result()
    model.config_hash = result.config_hash
    return model, _put(content, model, path, result.continues.values())


def exported_model(folder: Path, *, trust: bool) -> tuple[VAE, ExportedModel]:
    """Returns the model of an exported folder, and what is known of it.

    Raises:
        UserError: if no model can be made of the configuration, or the weights are another's.
    """
    about, path = read_config(folder), folder / WEIGHTS
    check_recorded(about.config)
    weights = read_weights(folder)
    with refusing(f"no model can be made of {folder / EXPORTED_CONFIG}"):
        make = _maker(about.config, about.image_shape, about.result, trust=trust)
        model = _model_for(weights, path, make, trust=trust)
    model.config_hash = about.config_hash
    _put({"state_dict": weights, "epoch": about.weights_epoch - 1}, model, path)
    return model, about


def _maker(
    config: Mapping[str, Any], shape: tuple[int, ...], result: RunResult, *, trust: bool
) -> Callable[[], VAE]:
    """Returns what makes the model of a run, or of its export."""
    num_classes = len(result.data.get("labels") or ())
    return partial(VAE.from_config, config, shape, num_classes=num_classes, trust=trust)


def _model_for(weights: dict[str, Any], path: Path, make: Callable[[], VAE], *, trust: bool) -> VAE:
    """Returns the model of a configuration, for the weights of a file."""
    if not trust:
        # First without memory: sizes that the file does not have may be beyond all of it.
        with torch.device("meta"):
            model = make()
        _check_shapes(path, weights, model.state_dict())
    return make()


def check_moments(optimizer: torch.optim.Optimizer) -> None:
    """Raises UserError if what a fused optimizer remembers of a weight lies in another way.

    The kernels of fused optimizers do not look: they would write into memory that is not theirs.
    """
    for group in (each for each in optimizer.param_groups if each.get("fused")):
        for weight in group["params"]:
            for name, value in optimizer.state.get(weight, {}).items():
                if not isinstance(value, Tensor):
                    continue
                if not (value.numel() == 1 if name == "step" else _alike(value, weight)):
                    raise UserError(
                        f"the checkpoint's {name} of the optimizer is of shape "
                        f"{tuple(value.shape)}, and its weight of {tuple(weight.shape)}: it is "
                        f"another run's, or damaged."
                    )


def _alike(value: Tensor, weight: Tensor) -> bool:
    same = value.layout == weight.layout and value.shape == weight.shape
    return same and value.stride() == weight.stride()


def load_weights(model: VAE, path: Path, *, shorter: Iterable[str] = ()) -> int:
    """Puts a checkpoint's weights into the model and returns how many epochs they were trained.

    `shorter` are the hashes of shorter runs that the model's run continues.

    Raises:
        UserError: if the file is broken, or belongs to another configuration.
    """
    return _put(read_checkpoint(path), model, path, shorter)


def _put(checkpoint: dict[str, Any], model: VAE, path: Path, shorter: Iterable[str] = ()) -> int:
    other = checkpoint.get("config_hash")
    if None not in (other, model.config_hash) and other not in (model.config_hash, *shorter):
        raise UserError(
            f"{path} belongs to another configuration ({other}, not {model.config_hash}): put back "
            f"the run's own checkpoint."
        )
    _check_shapes(path, checkpoint["state_dict"], model.state_dict())
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} belongs to another configuration: {first_line(error)} Its weights do not fit "
            f"this model. Put back the run's own checkpoint."
        ) from error
    return int(checkpoint["epoch"]) + 1


def _check_shapes(path: Path, weights: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raises UserError if a weight is of another shape than the model's, or not a real number."""
    for name, weight in expected.items():
        given = weights.get(name)
        # Precisions may differ. Whole or complex numbers would be changed without a word.
        same = (
            isinstance(given, Tensor)
            and given.shape == weight.shape
            and given.is_floating_point() == weight.is_floating_point()
        )
        if not same:
            what = f"{given.dtype} {tuple(given.shape)}" if isinstance(given, Tensor) else "missing"
            raise UserError(
                f"{path} belongs to another configuration: {name} is {what}, and in this model "
                f"{weight.dtype} {tuple(weight.shape)}. Put back the run's own checkpoint."
            )


# What a checkpoint holds of Lightning's and our own; a person's callbacks may add to it.
_KINDS = {
    "state_dict": dict,
    "epoch": int,
    "global_step": int,
    "callbacks": dict,
    "loops": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
_REQUIRED = ("state_dict", "epoch")

# What Lightning 1 wrote, Lightning 2 translates: states of callbacks out of any place in the file.
_VERSION, _OLDEST_VERSION = "pytorch-lightning_version", 2


def _check_kinds(checkpoint: Any) -> None:
    for key, kind in _KINDS.items():
        if (key in checkpoint or key in _REQUIRED) and not isinstance(checkpoint.get(key), kind):
            raise ValueError(f"{key} is missing")
    version = checkpoint.get(_VERSION)
    if not isinstance(version, str) or int(version.partition(".")[0]) < _OLDEST_VERSION:
        raise ValueError("it is of no version of Lightning that is known")


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yields every tensor in a checkpoint."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple | set):
        for item in [*value.values(), *value] if isinstance(value, dict) else value:
            yield from _tensors(item)


def _num_bytes(tensor: Tensor) -> int:
    # By its shape: a tensor of one number, said to be repeated, takes no room in the file.
    return tensor.numel() * tensor.element_size()


# What the state of Lightning's ModelCheckpoint holds: a folder, paths, scores by path, and values.
_FOLDER, _BEST = "dirpath", "best_k_models"

_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")

_VALUES = ("monitor", "best_model_score", "current_score", "kth_value")


def _inside(state: Any, folder: Path) -> Any:
    """Returns a callback's state with each path in `folder`, none if a path names no file."""
    if not isinstance(state, dict):
        return state
    if not {_FOLDER, _BEST, *_PATHS} & state.keys():
        # Of other callbacks: Lightning's SpikeDetection writes to a path of its state.
        return {key: None if re.search("path|dir", str(key)) else state[key] for key in state}
    scores = state.get(_BEST)
    scores = scores if isinstance(scores, dict) else {}
    inside = {_moved(path, folder): score for path, score in scores.items()}
    return {
        _FOLDER: str(folder),
        **{key: state.get(key) for key in _VALUES},
        **{key: _moved(state.get(key), folder) for key in _PATHS},
        _BEST: {path: score for path, score in inside.items() if path},
    }


def _moved(path: Any, folder: Path) -> str:
    """Returns the checkpoint of that name in `folder`; an empty text for what is no such name."""
    # Both separators: a folder can come from another system.
    name = re.split(r"[/\\]", path)[-1] if isinstance(path, str) else ""
    return str(folder / name) if re.fullmatch(r"\w[\w.=-]*\.ckpt", name) else ""
