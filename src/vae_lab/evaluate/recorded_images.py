"""The images that a recorded run names, or those in the places that the settings name."""

from collections.abc import Mapping
from typing import Any

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.user_images import prepare_recorded
from vae_lab.errors import UserError, refusing
from vae_lab.run_folder import CONFIG, RunFolder
from vae_lab.terminal import print_warning


def images_of(run: RunFolder, settings: Mapping[str, Any]) -> ImageDataModule:
    """Returns the images of a run, or those in the places that the settings name."""
    root, trust = settings["data_root"], settings["trust"]
    with refusing(f"the images that {run.path / CONFIG} names cannot be used"):
        config = _with_data(run.config, root, settings["data_path"])
        prepare_recorded(config["data"], root=root, trust=trust)
        data = ImageDataModule.from_config(config, trust=trust)
        data.setup()
    return data


def _with_data(config: dict[str, Any], root: str | None, path: str | None) -> dict[str, Any]:
    """Returns the configuration with the places of its data replaced, those not None."""
    source = dict(config["data"]["source"])
    given = {"root": root, "path": path}
    source |= {key: place for key, place in given.items() if key in source and place is not None}
    return {**config, "data": {**config["data"], "source": source}}


def other_images_of(data: ImageDataModule, run: RunFolder) -> str | None:
    """Returns the fingerprint of the images, None if they are those of the training.

    Raises:
        UserError: The model cannot take such images.
    """
    if data.image_shape != run.image_shape:
        raise UserError(
            f"the images have shape {data.image_shape}, and this model takes {run.image_shape}: "
            f"name the run's own images with data_path=PATH."
        )
    # Runs of earlier versions know less of their images: what they do not know is not compared.
    known = run.require_result().data
    if all(known.get(key, value) == value for key, value in data.facts().items()):
        return None
    print_warning(
        f"these are other images than those that {run.name} was trained on: their values "
        f"get another file, and no report takes them for the run's. If the images were moved, "
        f"name their place with data_path=PATH."
    )
    return data.fingerprint
