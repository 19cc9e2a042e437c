"""The answer to `--help`: the overview, or what the words beside it mean."""

from pathlib import Path

from vae_lab.cli.command_lines import CommandLine
from vae_lab.config.descriptions import Descriptions
from vae_lab.config.help_pages import overview, topic
from vae_lab.terminal import printable


def print_help(line: CommandLine) -> None:
    """Prints the help of a command line; UserError for a word that is not known."""
    descriptions = Descriptions(None if line.config_dir is None else Path(line.config_dir))
    pages = [topic(descriptions, words) for words in line.overrides] or [overview(descriptions)]
    print(printable("\n\n".join(pages)))
