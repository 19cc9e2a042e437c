"""`vae-lab schema`: the JSON schema of configurations, for editors."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_lab.config.json_schema import ConfigurationSchema
from vae_lab.errors import ArgumentParser, UserError, command


def main() -> None:
    """Prints the schema: exit code 0, 2 for wrong input."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab schema",
        description="Prints the JSON schema of configurations: for completion and red lines in an "
        "editor.",
        examples={
            "python -m vae_lab schema > schema.json": "recipes, and config.yaml of runs",
            "python -m vae_lab schema model > model.json": "options of the group model",
        },
    )
    words = "a group, for the schema of an option's file. Default: that of a recipe."
    parser.add_argument("group", metavar="GROUP", nargs="?", help=words)
    words = "a folder of your own options, which are then known."
    parser.add_argument("--config-dir", metavar="DIR", type=Path, help=words)
    return parser


def _main(argv: Sequence[str]) -> dict[str, Any]:
    arguments = argument_parser().parse_args(argv)
    folder = arguments.config_dir
    if folder is not None and not folder.is_dir():
        raise UserError(f"--config-dir {folder} is not a folder: name one that exists.")
    schemas, group = ConfigurationSchema(folder), arguments.group
    schema = schemas.of_configuration() if group is None else schemas.of_option(group)
    print(json.dumps(schema, indent=1))
    return {"schema": schema}


if __name__ == "__main__":
    main()
