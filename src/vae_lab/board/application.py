"""What the board serves: TensorBoard, with a page of links in front of it.

The page has the plain address `/`. TensorBoard keeps its own addresses: those with a `?` or a `#`,
and all paths below.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.wrappers import Request, Response

from vae_lab.board.adaptations import (
    GREY,
    RunColour,
    adapted_script,
    with_style,
    with_what_varies,
    without_single_points,
)
from vae_lab.board.links import PREFIX, Link, explorer_link, links, settings, tensorboard_url
from vae_lab.board.tensorboard import Application, TensorBoard
from vae_lab.errors import UserError
from vae_lab.ownership import COMPARISON, EXPLORER, PAGE
from vae_lab.reading import read_inside
from vae_lab.run_folder import runs_in

# The page of a report, or of an explorer, has everything in it. Nothing else is loaded, and nothing
# is sent. Its folder may be somebody else's: in a sandbox its script can read no other page of this
# server. An explorer can save its pictures too.
REPORT_POLICY = "default-src 'unsafe-inline' data:; connect-src 'none'; sandbox allow-scripts"
EXPLORER_POLICY = f"{REPORT_POLICY} allow-downloads"

MOST_PAGE = 1 << 28  # bytes

# Of a folder with more runs, the report has the links: the list of links fits on a screen.
MOST_EXPLORERS = 8


class LinkServer:
    """TensorBoard's application, its answers adapted to our runs, and our pages in front of it."""

    def __init__(
        self,
        tensorboard: Application,
        *,
        names: Iterable[str],
        sources: Sequence[Path] = (),
        colours: Callable[[], dict[str, RunColour]] = dict,
    ) -> None:
        """Takes TensorBoard, and what is shown.

        Args:
            tensorboard: the application itself.
            names: by which this server is asked, beside numbers and localhost.
            sources: the folders that are shown, which may hold a report.
            colours: returns the colours of the runs, by name in TensorBoard.
        """
        self.tensorboard = TensorBoard(tensorboard)
        self._application, self._names = tensorboard, {"localhost", *map(str.lower, names)}
        self._sources, self._colours = list(sources), colours

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = Request(environ)
        host = environ.get("HTTP_HOST", "localhost")
        if not self._is_ours(host):
            text = f"This TensorBoard does not answer to {host}: start it with --host NAME.\n"
            return Response(text, status=403)(environ, start_response)
        answer = self._page(request) or self._adapted(request) or self._application
        return answer(environ, start_response)

    def _is_ours(self, host: str) -> bool:
        """Tells whether a request was meant for this server.

        A page of somebody else in the same browser can give its own name this machine's address,
        and read what is served here. It cannot do so with a number.
        """
        name = re.sub(r":\d*$", "", host).strip("[]").lower()
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True

    def _page(self, request: Request) -> Response | None:
        """Returns a page of ours; None if TensorBoard has its own."""
        if request.path == "/" and not request.query_string:
            return _html("links.html", **self._content(), settings=settings(""))
        if request.path.startswith(PREFIX):
            name = request.path.removeprefix(PREFIX)
            if target := tensorboard_url(name):
                return _html("open.html", target=target, settings=settings(name))
            return self._written(name) or Response("Not found", status=404)
        return None

    def _content(self) -> dict[str, Any]:
        """Returns what the page of links shows."""
        title = ", ".join(source.resolve().name for source in self._sources)
        num_runs = len([run for run in self.tensorboard.runs() if run != COMPARISON])
        return {"title": title, "num_runs": num_runs, "links": self.links}

    def _written(self, name: str) -> Response | None:
        """Returns the report of a source, by its number, or an explorer below the source.

        An address of an explorer is where the link of such a report leads to.
        """
        folders = {f"report/{k}/": source for k, source in enumerate(self._sources, start=1)}
        place = re.match(r"report/\d+/", name)
        path = name[place.end() :] if place else ""
        if place is None or Path(path).name not in ("", EXPLORER):
            return None
        try:
            folder = folders[place.group()]
            content = read_inside(folder / (path or PAGE), folder, most=MOST_PAGE)
        except (KeyError, UserError, ValueError):
            return None
        headers = {"Content-Security-Policy": EXPLORER_POLICY if path else REPORT_POLICY}
        return Response(content, mimetype="text/html", headers=headers)

    def _adapted(self, request: Request) -> Response | None:
        """Returns an answer of TensorBoard's that we change; None if it stays as it is."""
        if request.path in ("/", "/index.html"):
            page = self.tensorboard.answer("/")
            page.set_data(with_style(page.text))
            return page
        if request.path == "/index.js":
            return self._script(request)
        if request.path.endswith(("/data/plugin/timeseries/tags", "/data/plugin/scalars/tags")):
            return _json(without_single_points(self.tensorboard.ask(request.path)))
        if request.path.endswith("/data/plugin/hparams/experiment") and request.method == "POST":
            experiment = self.tensorboard.ask(request.path, request.get_json(force=True))
            rows = self.tensorboard.rows()
            return _json(with_what_varies(experiment, rows))
        return None

    def _script(self, request: Request) -> Response:
        known = self._colours()
        colours = tuple(known.get(run, GREY) for run in self.tensorboard.runs()) if known else ()
        script = adapted_script(self.tensorboard.answer("/index.js").text, colours)
        # The colours are those of other runs tomorrow, and the address is the same.
        headers = {"Cache-Control": "no-store", "Content-Encoding": "gzip"}
        return Response(_zipped(script), mimetype="text/javascript", headers=headers)

    @property
    def links(self) -> list[Link]:
        """What there is to see now, the reports and the explorers of the sources among it."""
        reports = [
            Link(
                "report" if len(self._sources) == 1 else f"report of {source}",
                f"{PREFIX}report/{number}/",
                "the runs compared in numbers, words and pictures",
            )
            for number, source in enumerate(self._sources, start=1)
            if (source / PAGE).is_file()
        ]
        explorers = [
            explorer_link(path, source, number)
            for number, source in enumerate(self._sources, start=1)
            for path in _explorers(source)
        ]
        return links(
            self.tensorboard.kinds(),
            has_projector=self.tensorboard.has("projector"),
            reports=reports,
            explorers=explorers,
        )


def _explorers(source: Path) -> list[Path]:
    """Returns the explorers in a source and, unless they are too many for a list, of its runs."""
    runs = [run.path for run in runs_in(source)]
    folders = [source, *(runs if len(runs) <= MOST_EXPLORERS else [])]
    return [path for folder in folders if (path := folder / EXPLORER).is_file()]


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


def _html(template: str, **content: Any) -> Response:
    page = _templates().get_template(template).render(content)
    return Response(page, mimetype="text/html")


def _json(content: Any) -> Response:
    return Response(json.dumps(content), mimetype="application/json")


@lru_cache(maxsize=1)
def _zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=1)
