"""A display that is closed before the end, as by `| head`, is no error."""

import subprocess
import sys

import pytest
from command import environment


@pytest.mark.parametrize(
    "words",
    [
        "vae_lab --help",
        "vae_lab --cfg job",
        "vae_lab.evaluate --help",
        "vae_lab.report --help",
        "vae_lab.explore --help",
        "vae_lab.board --help",
    ],
)
def test_a_broken_pipe_ends_quietly(words: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    process.stdout.close()  # before the first line is written
    _, said = process.communicate()
    assert (process.returncode, said) == (0, b"")
