"""What can be exported: a finished run, or a folder that was exported before. No torch."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab.config.check import check_recorded
from vae_lab.config.instantiate import needs_trust
from vae_lab.errors import UserError
from vae_lab.evaluations import evaluations_of, read_content
from vae_lab.export.portable import portable, portable_command, portable_config
from vae_lab.exported import PICTURES, ExportedModel, is_exported, located, read_config
from vae_lab.reading import check_inside
from vae_lab.run_folder import RunFolder, RunResult


class Source(NamedTuple):
    """A trained model: its folder, what is known of it, and the folder of its pictures.

    `run` is None for a folder that was exported before. `has_own_images` tells whether a person's
    own images are in its pictures.
    """

    folder: Path
    run: RunFolder | None
    about: ExportedModel
    pictures: Path

    @property
    def has_own_images(self) -> bool:
        """Whether its pictures show images that are nobody else's."""
        return self.run is not None and "path" in self.run.config["data"]


def read_source(place: str, *, trust: bool) -> Source:
    """Returns the trained model of a run's or an exported folder, or of `example:NAME`.

    Raises:
        UserError: The folder is neither, the run is not finished, or its classes are not trusted.
    """
    folder = located(place)
    if is_exported(folder):
        source = Source(folder, None, read_config(folder), folder / PICTURES)
    else:
        run = RunFolder(folder)
        source = Source(folder, run, _about(run), folder / "figures")
        if not trust:
            check_inside(folder)
    check_recorded(source.about.config)
    if not trust and needs_trust({key: source.about.config[key] for key in _PARTS}):
        raise UserError(
            f"{folder} names classes from outside the package: add --trust if it is your own."
        )
    return source


# The parts of a configuration that a model is made of.
_PARTS = ("model", "prior", "likelihood", "objective", "optimizer")


# Of a result: where the run was, and what a person says about it.
_OF_THE_PERSON: dict[str, Any] = {"directory": None, "error": None, "note": None, "tags": []}


def _about(run: RunFolder) -> ExportedModel:
    """Returns what a run's files say, with no weights yet."""
    result = run.require_result()
    if not run.is_finished:
        raise UserError(
            f"{run.path} is not finished (status of the run: {result.status}): train it to the "
            f"end, or use it with vae_lab.load."
        )
    weights = result.protocol.get("weights")
    known = {**asdict(result), **_OF_THE_PERSON, "command": portable_command(result.command)}
    return ExportedModel(
        config=portable_config(run),
        image_shape=run.image_shape,
        config_hash=result.config_hash,
        weights=run.checkpoint(weights).stem,
        weights_epoch=result.protocol.get("weights_epoch") or 0,
        weights_sha256="",
        result=RunResult(**portable(run, known)),
        evaluations=_evaluations(run),
    )


def _evaluations(run: RunFolder) -> list[dict[str, Any]]:
    contents = {it.name: read_content(run, run.path / it.name) for it in evaluations_of(run)}
    return [
        portable(run, {"name": name, **content}) for name, content in contents.items() if content
    ]
