"""The files of an exported folder: weights, graphs, pictures, the card, and `config.json`."""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vae_lab.checkpoints import exported_model, trained_model
from vae_lab.errors import UserError
from vae_lab.evaluations import read_per_image
from vae_lab.export.card import Card, CardPicture, is_standard
from vae_lab.export.graphs import write_graphs
from vae_lab.export.sources import Source
from vae_lab.exported import (
    CARD,
    CONFIG,
    ENCODER,
    FORMAT,
    PICTURES,
    PRIOR_DRAWS,
    TEST_BOUNDS,
    VERSION,
    WEIGHTS,
    ExportedModel,
    Graph,
    read_test_bounds,
    test_bounds_as_json,
)
from vae_lab.files import partial_folder, write_text
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

# What can be left out.
ONNX = "onnx"

# Pictures of a run that a card shows, and what they are.
_SHOWN = {
    "classes": "a draw from the prior a row, decoded as each class",
    "samples": "mean images of draws from the prior",
    "reconstructions": "test images, each above its reconstruction",
    "latent_map": "mean images of points of the latent plane",
}
# Pixels: a wider picture is made half as wide.
_WIDEST = 800

_NUM_DRAWS = 1000

_LEFT_OUT = "`python -m vae_lab.export THIS_FOLDER --to ANOTHER` writes them."


class ExportedFolder(NamedTuple):
    """What was exported; `no_graphs` says why there are no graphs, if they were asked for."""

    about: ExportedModel
    graphs: list[Graph]
    no_graphs: str


def write_folder(
    source: Source, target: Path, *, without: Collection[str], license_id: str, trust: bool
) -> ExportedFolder:
    """Exports a model into a new or an empty folder, which appears with all of its files.

    If a network cannot become a graph, the other files are written.

    Raises:
        UserError: The weights are not whole, or not those that were tested.
    """
    model, about = _trained(source, trust=trust)
    target.parent.mkdir(parents=True, exist_ok=True)
    with partial_folder(target.parent) as place:
        folder = place / "exported"
        folder.mkdir()
        about = replace(about, weights_sha256=write_weights(model, folder))
        graphs, why = [], _LEFT_OUT
        if ONNX not in without:
            why = ""
            try:
                graphs = write_graphs(model, about.image_shape, folder)
                _write_prior(model, about, folder)
            except UserError as error:
                why = str(error)
                (folder / ENCODER).unlink(missing_ok=True)
        shown = [] if PICTURES in without else list(_copy_pictures(source, about, folder))
        _write_test_bounds(source, folder)
        card = Card(about=about, license=license_id, graphs=graphs, no_graphs=why, pictures=shown)
        write_text(folder / CARD, card.text())
        write_config(about, folder)
        if target.exists():  # and is empty: not every system replaces it
            target.rmdir()
        folder.rename(target)
    return ExportedFolder(about, graphs, "" if ONNX in without else why)


def _trained(source: Source, *, trust: bool) -> tuple[VAE, ExportedModel]:
    """Returns the model with the weights that were tested, and what is known of it."""
    # Building draws starting weights from torch's own generator: the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        if source.run is None:
            model, about = exported_model(source.folder, trust=trust)
            return model.float().eval(), about
        checkpoint = source.run.checkpoint(source.about.weights)
        model, epoch = trained_model(source.run, checkpoint, trust=trust)
    tested = source.about.weights_epoch
    if tested not in (0, epoch):
        raise UserError(
            f"{checkpoint} has the weights of epoch {epoch}, and those of epoch {tested} were "
            f"tested: put back the run's own checkpoint."
        )
    return model.float().eval(), replace(source.about, weights_epoch=epoch)


def write_weights(model: VAE, folder: Path) -> str:
    """Writes `model.safetensors`, and returns its checksum."""
    from safetensors.torch import save

    state = model.state_dict()
    if others := [name for name, value in state.items() if not isinstance(value, torch.Tensor)]:
        raise UserError(f"{others[0]} of this model is not a tensor: it cannot be exported.")
    # Each by itself: weights that two layers share are written twice, and read into both.
    weights = {name: value.detach().contiguous().clone() for name, value in state.items()}
    data = save(weights, metadata={"format": "pt"})
    (folder / WEIGHTS).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_config(about: ExportedModel, folder: Path) -> None:
    """Writes `config.json`, which describes the weights beside it."""
    content = {"format": FORMAT, "format_version": VERSION, **asdict(about)}
    content["result"] = {key: it for key, it in content["result"].items() if it is not None}
    write_text(folder / CONFIG, json.dumps(content, indent=2) + "\n")


def _write_prior(model: VAE, about: ExportedModel, folder: Path) -> None:
    """Writes draws from the prior, (N, Z), unless everybody can draw from it."""
    if not is_standard(about.config):
        with torch.no_grad():
            draws = model.prior.sample(_NUM_DRAWS, stream("export", 0))
        np.save(folder / PRIOR_DRAWS, draws.numpy().astype(np.float32))


def _write_test_bounds(source: Source, folder: Path) -> None:
    """Writes the bounds of the test images, which tell the rank of another image, if known."""
    if source.run is not None:
        if (bounds := read_per_image(source.run).get("elbo")) is not None:
            write_text(folder / TEST_BOUNDS, test_bounds_as_json(bounds))
    elif read_test_bounds(source.folder) is not None:
        shutil.copyfile(source.folder / TEST_BOUNDS, folder / TEST_BOUNDS)


def _copy_pictures(source: Source, about: ExportedModel, folder: Path) -> Iterator[CardPicture]:
    """Copies the pictures that a card shows, of the exported weights if there are any."""
    for name, words in _SHOWN.items():
        if name == "latent_map" and about.config["latent_dim"] != 2:
            continue
        files = {
            path.stem.rpartition("_")[2]: path for path in source.pictures.glob(f"{name}_*.png")
        }
        epochs = sorted(int(epoch) for epoch in files if epoch.isdigit())
        if not epochs:
            continue
        epoch = about.weights_epoch if about.weights_epoch in epochs else epochs[-1]
        (folder / PICTURES).mkdir(exist_ok=True)
        file = f"{PICTURES}/{name}_{epoch:04d}.png"
        _copy(source.pictures / Path(file).name, folder / file)
        other = f" (after epoch {epoch}; the weights here are of epoch {about.weights_epoch})"
        yield CardPicture(file, words, "" if epoch == about.weights_epoch else other)


def _copy(path: Path, target: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        if image.width <= _WIDEST:
            shutil.copyfile(path, target)
        else:
            image.reduce(2).save(target, optimize=True)
