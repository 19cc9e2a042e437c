"""Images that are given as an array: kept in a file of `data=npz`, named by what is in it.

The file makes the run one like any other: a command line repeats it, and it can be resumed.

Shapes: N images, C channels, H height, W width.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from vae_lab.cli.command_lines import DATA_PATH, as_value
from vae_lab.config.compose import key_of, own_data_root
from vae_lab.data.arrays import to_images, to_labels
from vae_lab.data.pixels import PixelStatistics, check_pixels
from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import atomic
from vae_lab.terminal import print_warning

FOLDER = "arrays"  # below the data root
_CHUNK = 1000


def settings_of(data: Any, labels: Any, overrides: Sequence[str]) -> list[str]:
    """Writes images and labels into a file, once, and returns the settings that train on them.

    Args:
        data: images as `data=npz` takes them, or a pair of images and labels; None for no images.
        labels: the label of each image, (N,) or (N, 1), or None.
        overrides: what is set besides.

    Raises:
        UserError: if they cannot be used, as for `data=npz`.
    """
    if isinstance(data, tuple) and len(data) == 2:
        if labels is not None:
            raise UserError("labels are given twice, in data and as labels: leave one out.")
        data, labels = data
    if data is None:
        if labels is not None:
            raise UserError("labels are given without images: add data=IMAGES.")
        return []
    for word in overrides:
        if key_of(word) in ("data", DATA_PATH):
            raise UserError(f"{word} names other images than data: leave one of the two out.")
    path = _written(*_checked(_array(data, "data"), labels))
    return ["data=npz", f"{DATA_PATH}={as_value(path)}"]


def _array(values: Any, name: str) -> np.ndarray:
    """Returns an array, or a tensor of any device, as an array."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "detach"):  # torch may not be imported for this question
        tensor = values.detach().cpu()
        # numpy has no bf16.
        return np.asarray(tensor.float() if tensor.dtype.itemsize == 2 else tensor)
    kind = type(values).__name__
    if isinstance(values, str):
        raise UserError(
            f"{name} must be an array or tensor, got '{values}': a data set is chosen by its name "
            f'as in vae_lab.train("data={values}").'
        )
    raise UserError(f"{name} must be an array or tensor, got {kind}: numpy.asarray makes one.")


def _checked(array: np.ndarray, labels: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns uint8 (N, C, H, W) and the labels, whole numbers or text (N,)."""
    names = None if labels is None else np.asarray(labels) if _is_list(labels) else labels
    raw = None if names is None else _array(names, "labels")
    images, notes = to_images(array, "data", len(raw) if raw is not None and raw.ndim else None)
    statistics = PixelStatistics(digests=None)
    statistics.add_all(images)
    check_pixels("data", statistics)  # its warnings come with the run
    for note in notes:  # in the file they are bytes already
        print_warning(note)
    return images, None if raw is None else to_labels(raw, "labels", len(images))


def _is_list(labels: Any) -> bool:
    return isinstance(labels, list | tuple)


def _written(images: np.ndarray, labels: np.ndarray | None) -> Path:
    """Returns the file of images and labels, which is written if it is missing."""
    digest = blake2b(digest_size=6)
    for array in (images, labels):
        digest.update(b"-" if array is None else f"{array.dtype.str}{array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    path = Path(own_data_root()).expanduser() / FOLDER / f"array-{digest.hexdigest()}.npz"
    arrays = {"images": images} | ({} if labels is None else {"labels": labels})
    if _holds(path, arrays):
        return path
    try:
        with atomic(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # names that are arguments too
    except OSError as error:
        raise UserError(
            f"the images cannot be kept: {describe_os_error(error, path)} The environment "
            f"variable VAE_LAB_DATA names the folder of data."
        ) from error
    return path


def _holds(path: Path, arrays: dict[str, np.ndarray]) -> bool:
    """Tells whether a file holds these arrays: somebody may have changed it."""
    try:
        with path.open("rb") as archive, np.load(archive, allow_pickle=False) as file:
            return {*file.files} == {*arrays} and all(
                np.array_equal(file[name], array) for name, array in arrays.items()
            )
    except Exception:  # what is no such file can fail in any way
        return False
