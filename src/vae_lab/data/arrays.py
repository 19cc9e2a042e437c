"""A person's arrays as images and labels: every common layout and kind, and what is wrong in words.

Shapes: N images, C channels, H height, W width.
"""

import numpy as np

from vae_lab.data.user_images import check_shape
from vae_lab.errors import UserError

# Floats are made bytes so many images at a time: a copy of all of them is four times as large.
_CHUNK = 1000


def to_images(array: np.ndarray, what: str, num_labels: int | None) -> tuple[np.ndarray, list[str]]:
    """Returns an array of a person as uint8 (N, C, H, W), and what should be known of it.

    `num_labels` is the length of its labels, None if there are none: it tells which axis is N.
    """
    what = f"{what} {array.shape}"
    images = _channels_first(array, what)
    _check_axes(array, images.shape, what, num_labels)
    check_shape(what, images.shape)
    if images.dtype.itemsize == 2 and images.dtype.kind in "iu":
        raise UserError(
            f"{what} has 16 bits per pixel ({images.dtype}): divide by the largest possible value "
            f"for floats in [0, 1], or keep the upper 8 bits as uint8."
        )
    if images.dtype != np.uint8 and images.dtype.kind not in "fb":
        raise UserError(
            f"{what} is {images.dtype}: uint8, bool, or float in [0, 1], is possible. Values from "
            f"0 to 255: images.astype(numpy.uint8)."
        )
    if images.dtype.kind == "f":
        return _bytes(images, what), []
    pixels = np.ascontiguousarray(images).view(np.uint8)
    if pixels.max() != 1:
        return pixels, []
    is_bool = images.dtype.kind == "b"
    note = f"{what} has the values 0 and 1 only: they are read as black and white, 0 and 255."
    return pixels * np.uint8(255), [] if is_bool else [note]


def _channels_first(array: np.ndarray, what: str) -> np.ndarray:
    """Returns images as (N, C, H, W), a view of the array."""
    if array.ndim == 3:
        return array[:, None]
    if array.ndim != 4:
        raise UserError(
            f"{what} has {array.ndim} dimensions: (N, H, W), (N, H, W, C) or (N, C, H, W) are "
            f"possible."
        )
    is_last = array.shape[1] not in (1, 3) and array.shape[3] <= 4
    return array.transpose(0, 3, 1, 2) if is_last else array


def _check_axes(
    array: np.ndarray, shape: tuple[int, ...], what: str, num_labels: int | None
) -> None:
    """Raises UserError if the images are counted by another axis than the first."""
    num_images, _, height, width = shape
    if num_labels == num_images:
        return
    if num_labels is not None and num_labels in array.shape:
        axis = array.shape.index(num_labels)
        raise UserError(
            f"{what} has {num_labels} labels, so its axis {axis} counts the images: "
            f"numpy.moveaxis(images, {axis}, 0) puts it first."
        )
    # 28 x 28 x 50: images of 28 x 50 that are as many as their rows are not images.
    if height != width and num_images in (height, width):
        axis = array.shape.index(width if num_images == height else height)
        raise UserError(
            f"{what} would be {num_images} images of {height} x {width}, but looks as if its axis "
            f"{axis} counts the images: numpy.moveaxis(images, {axis}, 0) puts it first."
        )


def _bytes(images: np.ndarray, what: str) -> np.ndarray:
    """Returns floats in [0, 1] as bytes in one piece of memory."""
    low, high = float(images.min()), float(images.max())
    # Also false if a value is not a number.
    if not (low >= 0 and high <= 1):
        raise UserError(f"{what} {_out_of_range(images, low, high)}")
    pixels = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        pixels[start : start + len(chunk)] = np.rint(chunk.astype(np.float32) * 255)
    return pixels


def _out_of_range(images: np.ndarray, low: float, high: float) -> str:
    """Returns in words what is wrong with floats that are not in [0, 1], and the remedy."""
    if not np.isfinite([low, high]).all():
        flat = images.reshape(len(images), -1)
        bad = [number for number, image in enumerate(flat) if not np.isfinite(image).all()]
        return (
            f"has NaN or infinite values in {len(bad)} images, the first is "
            f"image {bad[0]}: leave these out, or compute them again."
        )
    if low >= -0.001 and high <= 1.001:
        remedy = "they were rounded: images.clip(0, 1)"
    elif low >= 0:
        remedy = f"divide by the largest possible value, {255 if high <= 255 else '65535 perhaps'}"
        remedy += ", or use uint8 for 0 to 255" if high <= 255 else ""
    elif low >= -1 and high <= 1:
        remedy = "from [-1, 1]: (images + 1) / 2"
    else:
        remedy = "undo the standardisation, images * std + mean, or scale them into [0, 1]"
    return f"has values outside [0, 1], from {low!r} to {high!r}: {remedy}."


def to_labels(array: np.ndarray, what: str, num_images: int) -> np.ndarray:
    """Returns labels of a person as an array (N,) of whole numbers or text."""
    labels = array.reshape(-1) if array.shape == (num_images, 1) else array
    if labels.shape != (num_images,):
        is_one_hot = labels.ndim == 2 and len(labels) == num_images
        remedy = " One-hot labels: labels.argmax(axis=1)." if is_one_hot else ""
        raise UserError(
            f"{what} has shape {array.shape}: one label for each of the {num_images} images is "
            f"needed, ({num_images},).{remedy}"
        )
    kind = labels.dtype.kind
    if kind == "S":
        # Other encodings than UTF-8 lose no label: their bytes are written out.
        return np.array([label.decode("utf-8", "backslashreplace") for label in labels.tolist()])
    if kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all():
        return labels.astype(np.int64)
    if kind not in "biuU":
        raise UserError(f"{what} is {labels.dtype}: whole numbers or text are possible.")
    return labels
