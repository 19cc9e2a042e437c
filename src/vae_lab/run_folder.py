"""What a run leaves behind in its folder. No torch.

A run's folder explains itself: `result.json` is there from the first second (status `running`), and
every file is written whole or not at all, so that a reader never meets half a file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, get_type_hints

from omegaconf import OmegaConf

from vae_lab.config.identity import has_hash
from vae_lab.errors import UserError, refusing
from vae_lab.files import write_text
from vae_lab.notebook_html import ShownFolder, ShownResult
from vae_lab.reading import MOST_TEXT, is_kind, parse_json, parse_yaml, read_inside

STATUSES = ("running", "success", "failed", "interrupted", "diverged")
RUNNING, SUCCESS, FAILED, INTERRUPTED, DIVERGED = STATUSES

RESULT, CONFIG = "result.json", "config.yaml"
# Checkpoints: the best by the validation images; what a run resumes from, the newest first.
BEST, LAST, PREVIOUS = "best.ckpt", "last.ckpt", "previous.ckpt"
EVENT_FILES = "events.out.tfevents.*"
# In the folder of a sweep: the command lines that made its runs, one per line.
COMMANDS = "command.txt"


@dataclass(frozen=True, kw_only=True)
class RunResult(ShownResult):
    """What is known of a run: the schema of `result.json`, each field with its description.

    A field that is not known (yet) is None, or empty.
    """

    name: Annotated[str, "name of the run"] = ""
    status: Annotated[str, f"{', '.join(STATUSES[:-1])} or {STATUSES[-1]}"] = RUNNING
    error: Annotated[str | None, "why the run failed"] = None
    note: Annotated[str | None, "what a person says about the run"] = None
    tags: Annotated[list[str], "words by which a person finds it"] = field(default_factory=list)
    config_hash: Annotated[str, "identifies what `config.yaml` computes"] = ""
    choices: Annotated[dict[str, str], "the option of each config group"] = field(
        default_factory=dict
    )
    latent_dim: Annotated[int | None, "Z, the number of latent dimensions"] = None
    seed: Annotated[int | None, "seed of weights, order and noise"] = None
    command: Annotated[str, "the command line that repeats the run"] = ""
    directory: Annotated[str | None, "the working directory, where relative paths begin"] = None
    started: Annotated[str | None, "when the run started, UTC"] = None
    ended: Annotated[str | None, "when the run ended, UTC"] = None
    resumed_after: Annotated[list[int], "the epochs after which an interrupted run was resumed"] = (
        field(default_factory=list)
    )
    continues: Annotated[dict[str, str], "hashes of shorter runs"] = field(default_factory=dict)
    threads: Annotated[int | None, "processor threads"] = None
    precision: Annotated[str | None, "precision of the training"] = None
    versions: Annotated[dict[str, str], "versions of Python and of the libraries"] = field(
        default_factory=dict
    )
    git_commit: Annotated[str | None, "commit of the checkout; `-dirty`: with changes"] = None
    machine: Annotated[str | None, "processor and system"] = None
    data: Annotated[
        dict[str, Any],
        "`name` of the data set, numbers of `train`, `val` and `test` images, names of `labels`, "
        "`fingerprint` of all of it, names of the values of `factors` that are known",
        {"name": str, "labels": list[str], "factors": dict[str, list[str]]}
        | {"train": int, "val": int, "test": int, "fingerprint": str | None},
    ] = field(default_factory=dict)
    image_shape: Annotated[list[int] | None, "C, H, W of an image"] = None
    num_parameters: Annotated[int | None, "number of weights"] = None
    warm_start: Annotated[
        dict[str, Any],
        "with `init_from`: the `source`, the checksum of its `weights`, those `not_taken`",
        {"source": str, "weights": str, "not_taken": list[str]},
    ] = field(default_factory=dict)
    epochs: Annotated[int | None, "epochs trained, the last of which may be cut short"] = None
    steps: Annotated[int | None, "steps of the optimiser"] = None
    ended_by: Annotated[
        str | None,
        "which limit ended the training: `max_epochs`, `max_steps`, `max_time`, `early_stopping: "
        "...`, or a callback",
    ] = None
    metrics: Annotated[
        dict[str, float], "`elbo`, `recon`, `kl` and `loss` of `/test` and `/val`, nats per image"
    ] = field(default_factory=dict)
    standard_errors: Annotated[dict[str, float | None], "of `metrics`, over images"] = field(
        default_factory=dict
    )
    latent: Annotated[
        dict[str, Any],
        "`kl_per_dimension` in nats and what it is measured from, number of `active_units`",
        {"kl_per_dimension": list[float], "kl_reference": str, "active_units": int},
    ] = field(default_factory=dict)
    warnings: Annotated[list[str], "what looks wrong with the images or the trained model"] = field(
        default_factory=list
    )
    picture_metrics: Annotated[
        dict[str, Any],
        "measured on pictures, for the report: each with `value`, `standard_error`, `protocol`",
    ] = field(default_factory=dict)
    protocol: Annotated[dict[str, Any], "how `metrics` were measured"] = field(default_factory=dict)
    seconds: Annotated[
        dict[str, float], "`total`, `fit` and `per_epoch`, all attempts together"
    ] = field(default_factory=dict)
    peak_memory_mb: Annotated[float | None, "peak of the resident memory, MB"] = None
    diverged: Annotated[dict[str, Any] | None, "where the bound stopped being a number"] = None

    def to_json(self) -> str:
        """Returns the content of `result.json`; what is not known is left out."""
        known = {key: value for key, value in asdict(self).items() if value is not None}
        return json.dumps(known, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "RunResult":
        """Returns the result of a file's content; unknown fields are left out.

        Raises:
            ValueError: if it is not such a result: a file can be damaged, or somebody else's.
        """
        content = parse_json(text)
        if not isinstance(content, dict):
            raise ValueError("holds no fields")
        content.setdefault("picture_metrics", content.get("findings"))  # their earlier name
        hints = get_type_hints(cls, include_extras=True)
        known = {key: content[key] for key in hints if content.get(key) is not None}
        for key, value in known.items():
            # The type of the field, and that of keys within it.
            kinds = hints[key].__origin__, *hints[key].__metadata__[1:]
            if not all(is_kind(value, kind) for kind in kinds):
                raise ValueError(f"{key} is of another kind")
        if known.get("status") not in STATUSES:
            raise ValueError("status is none of those that exist")
        return cls(**known)


class RunFolder(ShownFolder):
    """A run's folder: what lies in it, under which name, and how it is read.

    What was read is kept: to see what has changed since, make another object.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.checkpoints = path / "checkpoints"
        self.per_image = path / "per_image.npz"  # the bound and its terms of every test image

    @property
    def exists(self) -> bool:
        """Whether a run began in this very folder, whatever became of it."""
        return (self.path / RESULT).exists()

    def read(self, path: Path, *, most: int = MOST_TEXT) -> bytes:
        """Returns the content of a plain file in the folder; UserError if it is none."""
        return read_inside(path, self.path, most=most)

    @cached_property
    def result(self) -> RunResult | None:
        """What is known of the run; None if there is no readable `result.json`."""
        try:
            return self.read_result()
        except UserError:
            return None

    def read_result(self) -> RunResult:
        """Reads what is known of the run; UserError says why it cannot be read."""
        with refusing(f"its {RESULT} cannot be read"):
            return RunResult.from_json(self.read(self.path / RESULT))

    @property
    def is_finished(self) -> bool:
        """Whether a run ended well here."""
        return self.result is not None and self.result.status == SUCCESS

    def has_hash(self, wanted: str) -> bool:
        """Tells whether a run of this very configuration is here, whatever became of it."""
        return self.result is not None and self.result.config_hash == wanted

    def write_result(self, result: RunResult) -> None:
        """Writes `result.json`."""
        write_text(self.path / RESULT, result.to_json())
        self.__dict__["result"] = result  # in place of what was read

    def write_config(self, config: Mapping[str, Any], choices: Mapping[str, str]) -> None:
        """Writes `config.yaml`: every value of the run, and the options they came from."""
        write_text(self.path / CONFIG, OmegaConf.to_yaml({**config, "choices": dict(choices)}))

    def require_result(self) -> RunResult:
        """Returns what is known of the run.

        Raises:
            UserError: if the folder is not a run's.
        """
        if not self.path.is_dir():
            raise UserError(f"{self.path} is not a folder: name one, such as outputs/runs/NAME.")
        if self.result is None:
            raise UserError(
                f"{self.path} is not a run: it has no readable {RESULT}. Name the folder of one "
                f"run, such as outputs/runs/NAME or outputs/sweeps/SWEEP/NAME."
            )
        return self.result

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration.

        Raises:
            UserError: if the folder is not a run's, or its files do not belong together.
        """
        result, path = self.require_result(), self.path / CONFIG
        with refusing(f"{path} cannot be read"):
            # Nothing in it is resolved again: it holds values; what looks otherwise is not ours.
            config = parse_yaml(self.read(path))
        if not isinstance(config, dict):
            raise UserError(f"{path} is not a configuration.")
        values = {str(key): value for key, value in config.items() if key != "choices"}
        if not has_hash(values, result.config_hash):
            raise UserError(
                f"{path} is not the configuration of this run: it was changed, or is another "
                f"run's ({RESULT} has another hash)."
            )
        return values

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The (C, H, W) of the run's images; UserError where the run did not come so far."""
        result = self.require_result()
        if len(result.image_shape or ()) != 3 or min(result.image_shape or [0]) < 1:
            raise UserError(
                f"{self.path / RESULT} does not say the shape of the images (status of the run: "
                f"{result.status}): train it again."
            )
        return tuple(result.image_shape or ())

    def checkpoint(self, weights: str | None) -> Path:
        """Returns the checkpoint `best` or `last`, or for None the best there is.

        Raises:
            UserError: if there is no such name, or the run has none of it.
        """
        names = [Path(name).stem for name in (BEST, LAST)]
        if weights not in (None, *names):
            raise UserError(f"weights must be {' or '.join(names)}, got {weights}.")
        for name in [weights] if weights else names:
            path = self.checkpoints / f"{name}.ckpt"
            try:
                if path.is_file():
                    return path
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}.") from error
        raise UserError(
            f"{self.path} has no checkpoint {weights or 'best or last'} (status of the run: "
            f"{self.require_result().status}): train it to the end."
        )

    def figure(self, picture: str, epochs_done: int) -> Path:
        """Returns the file of a picture after so many epochs."""
        return self.path / "figures" / f"{picture}_{epochs_done:04d}.png"

    def figures(self, picture: str) -> dict[int, Path]:
        """Returns the files of a picture by the number of epochs completed, in their order."""
        files = (self.path / "figures").glob(f"{picture}_*.png")
        epochs = {path.stem.removeprefix(f"{picture}_"): path for path in files}
        return {int(epoch): epochs[epoch] for epoch in sorted(epochs) if epoch.isdigit()}


def runs_in(folder: Path) -> list[RunFolder]:
    """Returns the runs directly below a folder, by name."""
    return [RunFolder(path.parent) for path in sorted(folder.glob(f"*/{RESULT}"))]


class Number(NamedTuple):
    """A value that was measured of a model, with its standard error and protocol.

    `words` describe it to people. `value` is a number, a text, or a number by label. Numbers
    compare if their protocols are equal; `details` are further values, which no comparison needs.
    """

    name: str
    words: str
    value: float | int | str | dict[str, float]
    standard_error: float | None
    protocol: dict[str, Any]
    details: Mapping[str, Any] = MappingProxyType({})

    def to_json(self) -> dict[str, Any]:
        """Returns the number as a result file holds it, below its name."""
        return {key: getattr(self, key) for key in self._fields[1:-1]} | dict(self.details)

    @classmethod
    def from_json(cls, name: str, record: Mapping[str, Any]) -> "Number":
        """Returns a number of a result file; the files of older runs hold no words."""
        details = {key: record[key] for key in record if key not in cls._fields}
        words, error = record.get("words", name.replace("_", " ")), record.get("standard_error")
        return cls(name, words, record["value"], error, record.get("protocol") or {}, details)
