"""How many images each split gets, and whether enough are left: what the number of images decides.

All of it is known before a job starts: the sets that come with the package state their size in
conf/data/, and a person's own images are counted first.
"""

from collections.abc import Mapping
from typing import Any

from vae_lab.errors import UserError


def num_images(setting: float, total: int) -> int:
    """Returns a number of images: a whole number as it is, a share such as 0.1 of the total."""
    return setting if isinstance(setting, int) else round(setting * total)


def check_test(num_test: float, total: int) -> None:
    """Raises UserError if the test set would be empty or leave nothing."""
    if total < 2:
        raise UserError("1 image is too few: training and test need at least one each. Add images.")
    if not 0 < num_images(num_test, total) < total:
        raise UserError(
            f"data.num_test={num_test} must be between 1 and {total - 1}, or a share of the "
            f"{total} images that gives so many."
        )


def check_val(num_val: float, total: int) -> None:
    """Raises UserError if validation would take every image, or a share comes to none."""
    size = num_images(num_val, total)
    if not 0 <= size < total or (num_val and not size):
        raise UserError(
            f"data.num_val={num_val} must be between 0 and {total - 1}, or a share of 1 image or "
            f"more: training and validation share {total} images."
        )


def check_batch(batch_size: int, num_train: int) -> None:
    """Raises UserError if there are fewer training images than one batch has."""
    if num_train < batch_size:
        raise UserError(
            f"data.batch_size={batch_size} is more than the {num_train} training images: add "
            f"data.batch_size={num_train} or less, or more images."
        )


def num_trained(available: int, num_train: int | None) -> int:
    """Returns how many training images are used; UserError if there are fewer than are wanted."""
    if num_train is not None and num_train > available:
        raise UserError(
            f"data.num_train={num_train} is more than the {available} training images: add "
            f"data.num_train={available} data.batch_size={available} or less, or more images."
        )
    return available if num_train is None else num_train


def check_num_labelled(labelled: int, num_classes: int, total: int) -> None:
    """Raises UserError unless so many of `total` images can have a label, of all classes."""
    if labelled < num_classes:
        raise UserError(
            f"condition.labelled={labelled} leaves a class without a label: each of the "
            f"{num_classes} needs one. Use condition.labelled={num_classes} or more."
        )
    if labelled > total:
        raise UserError(
            f"condition.labelled={labelled} is more than the {total} training images: use "
            f"{total} or less, or condition.labelled=null for all."
        )


def check_processes(batch_size: int, num_val: int, processes: int) -> None:
    """Raises UserError unless processes can share each batch."""
    if batch_size % processes or 0 < num_val < processes:
        raise UserError(
            f"data.batch_size={batch_size} must be a multiple of the {processes} processes that "
            f"share each batch, and data.num_val={num_val} at least as many or 0."
        )


def check_steps(trainer: Mapping[str, Any], num_batches: int) -> None:
    """Raises UserError for arguments of the trainer that an epoch of so few batches forbids."""
    used = num_batches
    for key in ("limit_train_batches", "overfit_batches"):
        # As Lightning counts: a share is rounded down.
        share = trainer.get(key)
        if isinstance(share, float) and share > 0:
            used = int(num_batches * share)
            if not used:
                raise UserError(
                    f"trainer.{key}={share} is less than one of the {num_batches} batches of an "
                    f"epoch: name a number of batches, trainer.{key}=1 or more."
                )
        elif share:
            used = min(num_batches, share)
    if (accumulated := trainer.get("accumulate_grad_batches", 1)) > used:
        raise UserError(
            f"trainer.accumulate_grad_batches={accumulated} is more than the {used} batches of an "
            f"epoch, after which a step is due: {used} or less."
        )


def check_sizes(config: Mapping[str, Any], total: int, num_classes: int = 0) -> None:
    """Raises UserError for the first setting that `total` forbids.

    `total` are the images that training and validation share, `num_classes` the labels that they
    have, 0 if that is not known yet.
    """
    data, trainer = config["data"], config["trainer"]
    check_val(data["num_val"], total)
    num_val = num_images(data["num_val"], total)
    num_train = num_trained(total - num_val, data.get("num_train"))
    check_batch(data["batch_size"], num_train)
    if (labelled := (config.get("condition") or {}).get("labelled")) is not None:
        check_num_labelled(labelled, num_classes, num_train)
    if isinstance(devices := trainer["devices"], int) and devices > 0:
        check_processes(data["batch_size"], num_val, devices)
    shown = num_train * data.get("passes_per_epoch", 1)
    check_steps(trainer, -(-shown // data["batch_size"]))
