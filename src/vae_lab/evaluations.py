"""What was measured of a run, in its folder: names of files, how they are read. No torch.

`python -m vae_lab.evaluate` writes them, the report and the table of a sweep show them.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae_lab.errors import refusing
from vae_lab.reading import check_members, is_kind, parse_json, parse_yaml
from vae_lab.run_folder import Number, RunFolder, RunResult

if TYPE_CHECKING:
    import numpy as np

# Bytes of the values of every test image that are read: those of 40 million images.
MOST_PER_IMAGE = 1 << 30

# Settings that change no value, and so no file's name.
NOT_IN_NAME = ("threads", "device", "data_root", "data_path", "trust", "decoder_batch")

# Settings that say how a part is done, by the switches of which one at least is on if it counts. A
# part that is off changes no file's name: evaluations from before there was it keep theirs.
_OF_PARTS = {
    ("ais", "anatomy"): (
        *("ais", "temperatures", "chains", "leapfrog_steps", "start_width", "simulated_images"),
    ),
    ("anatomy",): ("anatomy", "posterior_steps", "posterior_samples", "posterior_rate"),
}

# Settings that came later: with this value an evaluation keeps the name it had before.
_ADDED_LATER = {"factor_images": 1000, "factor_bins": 20}

# The files of conf/ that hold the settings and their defaults.
DEFAULTS = ("evaluate.yaml", "picture_metrics/thorough.yaml")

# What a run measures at its end, too.
_OF_THE_RUN = ("elbo", "recon", "kl", "active_units")

# The two parts of the distance from log p(x) to the bound, by the names of their numbers.
GAPS = ("approximation_gap", "amortisation_gap")

# A recorded number; see `Number`.
_NUMBER: dict[str, Any] = {
    "words": str,
    "value": float | str | dict[str, float],
    "standard_error": float | None,
    "protocol": dict[str, Any],
    "by_step": list[float],
}

# An evaluation; older ones lack parts of it.
_EVALUATION: dict[str, Any] = {
    "config_hash": str,
    "protocol": dict[str, Any],
    "settings": dict[str, Any],
}


class EvaluationRecord(NamedTuple):
    """An evaluation of a run, read from its file; `name` tells its protocol.

    Numbers and picture metrics are by name.
    """

    name: str
    protocol: dict[str, Any]
    settings: dict[str, Any]
    numbers: dict[str, Number]
    picture_metrics: dict[str, Number]

    @property
    def size(self) -> tuple[int, int]:
        """The samples per image, and the images: what says most comes last in this order."""
        sizes = (self.settings.get(key) for key in ("num_samples", "num_images"))
        samples, images = (size if isinstance(size, int) else 0 for size in sizes)
        return samples, images

    def columns(self) -> dict[str, float | str]:
        """Returns its single numbers, each with its `standard error`, and `evaluation`, its name.

        Not those that a run has at its end, by the names `elbo/test` and `active_units`.
        """
        cells: dict[str, float | str] = {}
        for name, number in self.numbers.items():
            if name not in _OF_THE_RUN and isinstance(number.value, int | float):
                cells[name] = number.value
                if number.standard_error is not None:
                    cells[f"{name} standard error"] = number.standard_error
        return cells | {"evaluation": self.name}

    def is_of(self, result: RunResult) -> bool:
        """Tells whether it is of the weights that a run ended with, as far as both say it."""
        weights = self.protocol.get("weights")
        tested = weights == result.protocol.get("weights")
        epochs = (
            self.protocol.get("weights_epoch"),
            result.protocol.get("weights_epoch") if tested else result.epochs,
        )
        return None in epochs or epochs[0] == epochs[1]


def file_name(weights: str, settings: Mapping[str, Any], other_images: str | None = None) -> str:
    """Returns the name of an evaluation's file, the same for the same protocol.

    `weights` are best or last. `other_images` is the fingerprint of images that are not those of
    the run: no report takes the values of that file for those of the run.
    """
    off = {
        key
        for switches, keys in _OF_PARTS.items()
        for key in keys
        if not any(settings.get(switch) for switch in switches)
    }
    protocol = {key: it for key, it in settings.items() if key not in {*NOT_IN_NAME, *off}}
    for key, value in _ADDED_LATER.items():
        if protocol.get(key) == value:
            del protocol[key]
    text = json.dumps(protocol | {"weights": weights}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    images = f"of-images-{other_images}-" if other_images else ""
    return (
        f"evaluation-{images}{settings['split']}-{weights}-k{settings['num_samples']}-{digest}.json"
    )


def default_settings() -> dict[str, Any]:
    """Returns the defaults of the settings, as conf/ has them."""
    from vae_lab.config.compose import conf_folder  # Hydra takes half a second

    texts = [(conf_folder() / name).read_bytes() for name in DEFAULTS]
    return {key: value for text in texts for key, value in parse_yaml(text).items()}


def overrides_of(settings: Mapping[str, Any]) -> list[str]:
    """Returns what to write behind `python -m vae_lab.evaluate` for the same protocol."""
    defaults = default_settings()
    # As JSON: true, and not Python's True.
    return [
        f"{key}={json.dumps(settings[key])}"
        for key, default in defaults.items()
        if key not in NOT_IN_NAME and settings.get(key, default) != default
    ]


def read_content(run: RunFolder, path: Path) -> dict[str, Any] | None:
    """Returns what a file holds; None if it is not an evaluation of this run and its weights."""
    try:
        content, result = parse_json(run.read(path)), run.require_result()
    except ValueError:
        return None
    if not is_kind(content, _EVALUATION) or content.get("config_hash") != result.config_hash:
        return None
    return content if record_of(path.name, content).is_of(result) else None


def record_of(name: str, content: Mapping[str, Any]) -> EvaluationRecord:
    """Returns what the file of a name holds, as a record."""
    return EvaluationRecord(
        name,
        content.get("protocol", {}),
        content.get("settings", {}),
        numbers_of(content.get("numbers")),
        # Older evaluations call the picture metrics findings.
        numbers_of(content.get("picture_metrics", content.get("findings"))),
    )


def evaluations_of(run: RunFolder) -> list[EvaluationRecord]:
    """Returns the evaluations of the weights and test images that a run's bound is of.

    That with the most samples comes first; of equal ones, that with the most numbers.
    """
    weights = run.require_result().protocol.get("weights")
    paths = sorted(run.path.glob("evaluation-test-*.json"))
    records = [record_of(path.name, it) for path in paths if (it := read_content(run, path))]
    known = [record for record in records if record.protocol.get("weights") == weights]
    return sorted(known, key=lambda it: (*it.size, len(it.numbers), it.name), reverse=True)


def numbers_of(record: Any) -> dict[str, Number]:
    """Returns the numbers of a file's record by name; anything else is left out."""
    if not isinstance(record, Mapping):
        return {}
    return {
        name: Number.from_json(name, entry)
        for name, entry in record.items()
        if is_kind(entry, _NUMBER) and "value" in entry
    }


def read_per_image(run: RunFolder) -> "dict[str, np.ndarray]":
    """Returns `elbo`, `recon` and `kl` of every test image, each (N,); empty if not kept.

    Raises:
        UserError: The file is damaged, or not one of ours.
    """
    return _read_values(run, run.per_image, ("elbo", "recon", "kl"))


def read_gaps(run: RunFolder, name: str) -> "dict[str, np.ndarray]":
    """Returns the `GAPS` of every image of the evaluation `name`, each (N,); empty if not kept.

    Raises:
        UserError: The file is damaged, or not one of ours.
    """
    return _read_values(run, (run.path / name).with_suffix(".npz"), GAPS)


def _read_values(run: RunFolder, path: Path, names: Sequence[str]) -> "dict[str, np.ndarray]":
    """Returns the values of images in a file of a run's folder, by name, each (N,)."""
    if not path.exists():
        return {}
    import numpy as np

    with refusing(f"{path} cannot be read"):
        data = run.read(path, most=MOST_PER_IMAGE)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_members(archive, len(data))
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            values = {name: file[name] for name in names}
        kinds = {(value.ndim, value.dtype.kind, len(value)) for value in values.values()}
        if len(kinds) > 1 or next(iter(kinds))[:2] != (1, "f"):
            raise ValueError("it does not hold a number of each image")
    return values
