"""The files of an exported folder that VAE Lab reads back: the weights and `config.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from vae_lab.checkpoints import trained_model
from vae_lab.errors import UserError
from vae_lab.evaluations import evaluations_of, read_content
from vae_lab.export.portable import portable, portable_config, portable_result
from vae_lab.exported import CONFIG, FORMAT, VERSION, WEIGHTS
from vae_lab.files import atomic, write_text
from vae_lab.run_folder import RunFolder
from vae_lab.vae import VAE


def model_as_tested(run: RunFolder, *, trust: bool) -> tuple[VAE, int]:
    """Returns the model of a run with the weights that were tested, and their epoch."""
    checkpoint = run.checkpoint(run.require_result().protocol.get("weights"))
    # Building draws starting weights from torch's own generator: the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        model, epoch = trained_model(run, checkpoint, trust=trust)
    return model.float().eval(), epoch


def write_weights(model: VAE, folder: Path) -> str:
    """Writes `model.safetensors`, and returns its checksum."""
    from safetensors.torch import save

    state = model.state_dict()
    if others := [name for name, value in state.items() if not isinstance(value, torch.Tensor)]:
        raise UserError(f"{others[0]} of this model is no tensor, and cannot be exported.")
    # Each by itself: weights that two layers share are written twice, and read into both.
    weights = {name: value.detach().contiguous().clone() for name, value in state.items()}
    data = save(weights, metadata={"format": "pt"})
    with atomic(folder / WEIGHTS) as partial:
        partial.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_config(run: RunFolder, folder: Path, *, epoch: int, checksum: str) -> dict[str, Any]:
    """Writes `config.json`, with which a folder is complete, and returns what it holds."""
    result = run.require_result()
    content = {
        "format": FORMAT,
        "format_version": VERSION,
        "config_hash": result.config_hash,
        "image_shape": list(run.image_shape),
        "weights": result.protocol.get("weights", "best"),
        "weights_epoch": epoch,
        "weights_sha256": checksum,
        "config": portable_config(run),
        "result": portable_result(run),
        "evaluations": _evaluations(run),
    }
    write_text(folder / CONFIG, json.dumps(content, indent=2) + "\n")
    return content


def _evaluations(run: RunFolder) -> list[dict[str, Any]]:
    contents = {it.name: read_content(run, run.path / it.name) for it in evaluations_of(run)}
    return [
        portable(run, {"name": name, **content}) for name, content in contents.items() if content
    ]
