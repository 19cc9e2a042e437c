"""Starts `python -m vae_lab.board` as a person does, and asks TensorBoard over HTTP."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, Request, build_opener

# The tests ask loopback alone, whatever proxies the machine has.
OPENER = build_opener(ProxyHandler({}))


class Board(NamedTuple):
    """A TensorBoard that runs: its process, address, and what it printed."""

    process: subprocess.Popen[str]
    url: str
    links: dict[str, str]
    printed: str

    def ask(self, path: str, request: object = None) -> Any:
        """Returns what an address of TensorBoard's answers, as JSON."""
        body = None if request is None else json.dumps(request).encode()
        headers = {"Content-Type": "application/json"}
        with OPENER.open(Request(self.url + path, body, headers), timeout=30) as reply:
            return json.load(reply)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Returns the HParams table: its rows by the runs' names."""
        found = self.ask("data/plugin/hparams/session_groups", HPARAMS_REQUEST)
        return {group["sessions"][0]["name"]: group for group in found["sessionGroups"]}


STATUSES = ("STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING")
HPARAMS_REQUEST = {
    "allowedStatuses": STATUSES,
    "colParams": [],
    "startIndex": 0,
    "sliceSize": 100,
}


@contextmanager
def board(*arguments: str, cwd: Path) -> Iterator[Board]:
    """Runs the command until the block is left, and ends it by SIGTERM where it still runs."""
    command = [sys.executable, "-m", "vae_lab.board", *arguments]
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            for line in iter(process.stdout.readline, ""):
                printed += line
                if line.startswith("Ctrl-C"):
                    break
            links = dict(re.findall(r"^  (\S.*?) +(http://\S+)$", printed, flags=re.MULTILINE))
            assert links, printed
            url = next(iter(links.values())).partition("open/")[0]
            yield Board(process, url, links, printed)
        finally:
            process.terminate()


def eventually(find: Callable[[], Any], seconds: float = 60) -> Any:
    """Returns the first true thing that is found; TensorBoard reads its files meanwhile."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"nothing in {seconds} s"
        time.sleep(0.1)
    return found
