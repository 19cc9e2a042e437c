"""Questions to a TensorBoard that runs in this process: what it has read so far."""

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

# A WSGI application: what TensorBoard is inside its server.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# All rows of the HParams table, whatever became of the runs.
ALL_ROWS = {
    "allowedStatuses": [f"STATUS_{it}" for it in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")],
    "colParams": [],
    "startIndex": 0,
    "sliceSize": 10_000,
}


class TensorBoard:
    """Asks without a connection: it works whatever the host and the proxies are."""

    def __init__(self, application: Application) -> None:
        self._client = Client(application, Response)

    def ask(self, path: str, request: Any = None) -> Any:
        """Returns what an address answers as JSON: to a request in JSON, if there is one."""
        if request is None:
            return self._client.get(path).get_json()
        return self._client.post(path, json=request).get_json()

    def answer(self, path: str) -> TestResponse:
        """Returns what an address answers."""
        return self._client.get(path)

    def runs(self) -> list[str]:
        """Returns the names of the runs, in the order of TensorBoard's colours."""
        return list(self.ask("/data/runs"))

    def picture_tags(self) -> dict[str, list[str]]:
        """Returns the tags of the pictures of each run, such as `samples/prior`."""
        return {run: list(tags) for run, tags in self.ask("/data/plugin/images/tags").items()}

    def kinds(self) -> list[str]:
        """Returns the kinds of pictures: what stands before the first `/` of a tag."""
        return sorted({tag.split("/")[0] for tags in self.picture_tags().values() for tag in tags})

    def has(self, tab: str) -> bool:
        """Tells whether there is something to show in a tab."""
        return bool(self.ask("/data/plugins_listing").get(tab, {}).get("enabled"))

    def rows(self) -> list[dict[str, Any]]:
        """Returns the hyper-parameters of each row of the HParams table."""
        answer = self.ask("/data/plugin/hparams/session_groups", ALL_ROWS)
        return [row["hparams"] for row in answer["sessionGroups"]]
