"""The addresses at which TensorBoard answers a question without a setting changed by hand.

TensorBoard takes some settings from its address (pinned cards, smoothing, a filter of tags) and
others only from the browser's storage ("Link by step", the settings pane). So a link of ours leads
to a small page on the same server, which stores the latter and goes on to the former.
"""

import html
import json
import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from werkzeug.test import Client
from werkzeug.wrappers import Response

# A WSGI application: what TensorBoard is inside its server.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Both losses, and the two kinds of pictures that tell models apart; they exist for every model.
# By a filter: pictures that are pinned do not follow the epoch of a chart.
COMPARED = r"^(loss/(train|val)|reconstructions/\w+|samples/prior)$"

PINNED = [{"plugin": "scalars", "tag": tag} for tag in ("loss/train", "loss/val")]

# Pictures follow the epoch of a marker dragged in any chart, the cards get the pane's room, and no
# chart cuts off what it takes for outliers: the end of the best run.
STORED = {
    "linkedTimeEnabled": True,
    "timeSeriesSettingsPaneOpened": False,
    "ignoreOutliers": False,
}

PREFIX = "/open/"

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>TensorBoard</title>
<p><a href="%s">Go on to TensorBoard</a></p>
<script>
const key = "_tb_global_settings";
const stored = JSON.parse(localStorage.getItem(key) ?? "{}");
localStorage.setItem(key, JSON.stringify({...stored, ...%s}));
localStorage.setItem("_ignoreYOutliers", "false");  // the same for Custom Scalars
addEventListener("load", () => location.replace(document.querySelector("a").href));
</script>
"""


class LinkServer:
    """TensorBoard's application with the addresses below `/open/` in front of it."""

    def __init__(self, tensorboard: Application, names: Iterable[str]) -> None:
        """Takes the names that this server is asked by, beside numbers and localhost."""
        self._tensorboard, self._names = tensorboard, {"localhost", *map(str.lower, names)}

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "localhost")
        if not self._is_ours(host):
            text = f"This TensorBoard does not answer to {host}: start it with --host NAME.\n"
            return Response(text, status=403)(environ, start_response)
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._tensorboard(environ, start_response)
        target = tensorboard_url(path.removeprefix(PREFIX))
        if target is None:
            return Response("Not found", status=404)(environ, start_response)
        page = PAGE % (html.escape(target), json.dumps(STORED))
        return Response(page, mimetype="text/html")(environ, start_response)

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

    def runs(self) -> list[str]:
        """Returns the names of the runs that TensorBoard has read so far."""
        return list(self._ask("/data/runs"))

    def kinds(self) -> list[str]:
        """Returns the kinds of pictures read so far: what stands before the first `/` of a tag."""
        tags_of_runs = self._ask("/data/plugin/images/tags").values()
        return sorted({tag.split("/")[0] for tags in tags_of_runs for tag in tags})

    def has(self, tab: str) -> bool:
        """Tells whether TensorBoard has something to show in a tab."""
        return bool(self._ask("/data/plugins_listing").get(tab, {}).get("enabled"))

    def _ask(self, path: str) -> Any:
        # In this process, without a connection: it works whatever the host and the proxies are.
        return Client(self._tensorboard, Response).get(path).get_json()


def tensorboard_url(name: str) -> str | None:
    """Returns the address in TensorBoard that a link leads to; None if there is no such link."""
    kind, _, group = name.partition("/")
    if name == "compare":
        setting = f"tagFilter={quote(COMPARED, safe='')}"
    elif name == "losses":
        setting = f"pinnedCards={quote(json.dumps(PINNED), safe='')}"
    elif name == "charts":
        return "/#custom_scalars&_smoothingWeight=0"
    elif kind == "pictures" and group:
        pattern = f"^{re.escape(group)}/"
        setting = f"tagFilter={quote(pattern, safe='')}"
    else:
        return None
    return f"/?smoothing=0&{setting}#timeseries"


def links(url: str, server: LinkServer) -> list[tuple[str, str]]:
    """Returns what there is to see, each with its address.

    Args:
        url: of TensorBoard, with a `/` at its end.
        server: the application that is served there.
    """
    targets = [
        ("losses and pictures", "open/compare"),
        ("losses, then all charts", "open/losses"),
        ("table of the runs", "#hparams"),
        ("train and validation", "open/charts"),
        ("configurations", "#text"),
    ]
    if server.has("projector"):
        targets.append(("latent space in 3-D", "#projector"))
    targets += [
        (f"pictures: {kind}", f"open/pictures/{quote(kind, safe='')}") for kind in server.kinds()
    ]
    return [(title, url + target) for title, target in targets]
