"""Checkpoints on disk: written whole, the one before kept, verified when read, never unpickled.

A checkpoint is a zip archive with a checksum of every part. torch does not look at the checksums
when it reads, so they are checked here: a flipped bit is a refusal, never another weight.
"""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from vae_lab.errors import UserError, first_line

# What a run goes on from, the newest first.
LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class SafeCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints: in place of its own way by a temporary folder.

    Lightning's own moves the file from the system's temporary folder, which may be another disk:
    then a kill in the middle leaves half a file under the final name.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint beside its place, then renames it; `last` leaves its predecessor."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with unfinished.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                # Renaming must not reach the disk before the content does.
                os.fsync(file.fileno())
            if path.name == LAST and path.exists():
                path.replace(path.with_name(PREVIOUS))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Returns a verified checkpoint, as if it had been written in the folder it now lies in.

        Lightning forgets the best score of a run whose folder was moved.
        """
        checkpoint = read_checkpoint(Path(path))
        folder = os.path.realpath(Path(path).parent)
        for state in checkpoint.get("callbacks", {}).values():
            if isinstance(state, dict) and "best_k_models" in state:
                _move(state, folder)
        return checkpoint


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Returns the content of a checkpoint: tensors, numbers and texts, no objects.

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
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(
            f"{path} is no whole checkpoint: it is cut off, or of another kind "
            f"({first_line(error)})."
        ) from error
    return checkpoint


def _check_kind(checkpoint: Any) -> None:
    kinds = {"state_dict": dict, "epoch": int, "callbacks": dict}
    for key, kind in kinds.items():
        found = checkpoint.get(key, {} if key == "callbacks" else None)
        if not isinstance(found, kind):
            raise ValueError(f"{key} is missing")


def _move(state: dict[str, Any], folder: str) -> None:
    """Makes the paths in a checkpoint callback's state paths in `folder`."""

    def moved(path: str) -> str:
        return str(Path(folder) / Path(path).name) if path else path

    state["dirpath"] = folder
    for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
        state[key] = moved(state.get(key, ""))
    state["best_k_models"] = {moved(path): score for path, score in state["best_k_models"].items()}
