"""A mirror on 127.0.0.1 which serves given files, and misbehaves on request."""

import gzip
import hashlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import numpy as np
from repository import ROOT

from vae_lab.data import download

MISBEHAVIOURS = ("hang", "mute", "truncate", "404", "html", "wrong", "drop", "trickle", "stall")


class Mirror:
    """A running server, for use in a `with` statement; `asked` lists the file names asked for.

    Behaviours: "ok"; "steady" (50 kB/s); "hang" (accepts, never answers); "mute" (answers with
    headers only); "truncate" (half of the file, said to be all); "404"; "html" (a page instead of
    the file); "wrong" (one bit flipped); "drop" (closes after half); "trickle" (20 bytes a second);
    "stall" (half at full speed, then silence).
    """

    def __init__(self, files: Mapping[str, bytes], behaviour: str) -> None:
        self.files, self.behaviour = files, behaviour
        self.asked: list[str] = []
        self.closing = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.mirror = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self) -> Self:
        poll = {"poll_interval": 0.02}
        threading.Thread(target=self.server.serve_forever, kwargs=poll, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    mirror: Mirror
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: that clients hang up is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        mirror = self.server.mirror
        name = self.path.rsplit("/", 1)[-1]
        mirror.asked.append(name)
        body = mirror.files[name]
        match mirror.behaviour:
            case "hang":
                mirror.closing.wait()
            case "404":
                self.send_error(404)
            case "html":
                self._send(b"<html><body>Please log in.</body></html>")
            case "wrong":
                self._send(bytes([body[0] ^ 1]) + body[1:])
            case "truncate":
                self._send(body[: len(body) // 2])
            case _:
                self._send_slowly(body, mirror.behaviour)

    def _send_slowly(self, body: bytes, behaviour: str) -> None:
        half = len(body) // 2
        size, pause = {"trickle": (1, 0.05), "steady": (2500, 0.05)}.get(behaviour, (half, 0.0))
        self._headers(len(body))
        for start in range(0, len(body), size):
            if behaviour == "mute" or (behaviour == "stall" and start):
                self.server.mirror.closing.wait()
            if behaviour == "drop" and start:
                return
            self.wfile.write(body[start : start + size])
            if self.server.mirror.closing.wait(pause):
                return

    def _send(self, body: bytes) -> None:
        self._headers(len(body))
        self.wfile.write(body)

    def _headers(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()


FOLDER = "MNIST/raw"
# Incompressible, so that the transfers last: 30,000 bytes, and a file as small as the labels.
RAW = {
    "pictures.gz": np.random.default_rng(0).bytes(30_000),
    "labels.gz": np.random.default_rng(1).bytes(300),
}
SERVED = {name: gzip.compress(raw, mtime=0) for name, raw in RAW.items()}


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


FILES = {name: {"gz": md5(SERVED[name]), "raw": md5(RAW[name])} for name in RAW}


def held(root: Path) -> dict[str, bytes]:
    """Returns every file under `root`, hidden ones too, but the list of what was downloaded."""
    paths = [
        path for path in root.rglob("*") if path.is_file() and path.name != download.DOWNLOAD_LIST
    ]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def real_files() -> dict[str, dict[str, str]]:
    """Returns the checksums that `conf/data/mnist.yaml` names."""
    import yaml

    text = (ROOT / "conf/data/mnist.yaml").read_text(encoding="utf-8")
    files: dict[str, dict[str, str]] = yaml.safe_load(text)["files"]
    return files
