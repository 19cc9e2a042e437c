"""Checkpoints on disk: written whole, the one before kept, verified when read, never unpickled.

A checkpoint is a zip archive with a checksum of every part. torch does not look at the checksums
when it reads, so they are checked here: a flipped bit is a refusal, never another weight.
"""

import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from vae_lab.errors import UserError, first_line
from vae_lab.files import atomic
from vae_lab.run_folder import LAST, PREVIOUS
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

    What it says of paths is a command to Lightning, which deletes the checkpoint that a better one
    replaces. So each path is one of the checkpoint's folder, whatever the file says: it may be
    somebody else's. Lightning also forgets the best score of a run whose folder was moved.

    Raises:
        UserError: where the file is cut off, changed, or no checkpoint of this project.
    """
    try:
        # Read once: what is verified is what is used.
        content = io.BytesIO(path.read_bytes())
        with zipfile.ZipFile(content) as archive:
            if broken := archive.testzip():
                raise ValueError(f"{broken} has another checksum")
        content.seek(0)
        checkpoint = torch.load(content, map_location="cpu", weights_only=True)
        _check_kind(checkpoint)
        folder = Path(os.path.realpath(path.parent))
        states = checkpoint.get("callbacks", {})
        checkpoint["callbacks"] = {key: _inside(state, folder) for key, state in states.items()}
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(
            f"{path} is no whole checkpoint: it is cut off, or of another kind "
            f"({first_line(error)})."
        ) from error
    return checkpoint


def load_weights(model: VAE, path: Path) -> int:
    """Puts a checkpoint's weights into the model and returns how many epochs they were trained.

    Raises:
        UserError: where the file is broken, or belongs to another configuration.
    """
    checkpoint = read_checkpoint(path)
    other = checkpoint.get("config_hash")
    if None not in (other, model.config_hash) and other != model.config_hash:
        raise UserError(
            f"{path} belongs to another configuration ({other}, not {model.config_hash}): put back "
            f"the run's own checkpoint."
        )
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} belongs to another configuration: {first_line(error)} Its weights do not fit "
            f"this model. Put back the run's own checkpoint."
        ) from error
    return int(checkpoint["epoch"]) + 1


def _check_kind(checkpoint: Any) -> None:
    kinds = {"state_dict": dict, "epoch": int, "callbacks": dict}
    for key, kind in kinds.items():
        value = checkpoint.get(key, {} if key == "callbacks" else None)
        if not isinstance(value, kind):
            raise ValueError(f"{key} is missing")


# Where Lightning's ModelCheckpoint keeps paths in its state.
_FOLDER, _BEST = "dirpath", "best_k_models"

_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


def _inside(state: Any, folder: Path) -> Any:
    """Returns a callback's state with each path in `folder`, none where a path names no file."""
    if not isinstance(state, dict) or not {_FOLDER, _BEST, *_PATHS} & state.keys():
        return state
    scores = state.get(_BEST)
    scores = scores if isinstance(scores, dict) else {}
    inside = {_moved(path, folder): score for path, score in scores.items()}
    return {
        **state,
        _FOLDER: str(folder),
        **{key: _moved(state.get(key), folder) for key in _PATHS},
        _BEST: {path: score for path, score in inside.items() if path},
    }


def _moved(path: Any, folder: Path) -> str:
    """Returns the checkpoint of that name in `folder`; an empty text for what is no such name."""
    # Both separators: a folder can come from another system.
    name = re.split(r"[/\\]", path)[-1] if isinstance(path, str) else ""
    return str(folder / name) if re.fullmatch(r"\w[\w.=-]*\.ckpt", name) else ""
