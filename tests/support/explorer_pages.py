"""An explorer in Chromium: what went wrong in it, and how a test looks into it."""

from pathlib import Path
from typing import Any

# By name: width, height, colour scheme.
SCREENS = {
    "light": (1280, 900, "light"),
    "dark": (1280, 900, "dark"),
    "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}

# Before any script of the page: a violation is an event of the page's own.
LISTEN = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (one) => {
    violations.push(`${one.violatedDirective}: ${one.blockedURI}`);
});
"""

# Listeners run in the next frame after a change; what they change is shown in the one after.
FRAMES = """() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(() => done()));
})"""

# The state of the page as plain data.
STATE = """async () => JSON.parse(JSON.stringify((await opened).store.state,
    (key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value))"""

POINTS = "async () => (await opened).store.state.points.map((point) => Array.from(point))"

# From a copy: Chromium warns of a canvas that is read often, and the page does not read its own.
PIXELS = """(canvas) => {
    const { width, height } = canvas;
    const copy = Object.assign(document.createElement('canvas'), { width, height });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    return { width, height, data: Array.from(context.getImageData(0, 0, width, height).data) };
}"""


class ExplorerPage:
    """The page of a file, opened by a person who has never been there."""

    def __init__(self, browser: Any, screen: str = "light", **options: Any) -> None:
        width, height, scheme = SCREENS[screen]
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        self.context.set_default_timeout(20_000)
        self.context.add_init_script(LISTEN)
        self.page = self.context.new_page()
        self._trouble: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._trouble.append(str(error)))
        self.page.on("request", self._on_request)

    def open(self, path: Path, fragment: str = "") -> Any:
        """Opens the file and returns the page when all of it is drawn."""
        self._address = path.as_uri()
        self.page.goto(self._address + fragment)
        self.page.wait_for_selector("body[data-ready=true]")
        self.wait()
        return self.page

    def wait(self) -> None:
        """Waits until the changes so far are shown: two frames."""
        self.page.evaluate(FRAMES)

    def points(self) -> list[list[float]]:
        """Returns z of each run."""
        return self.page.evaluate(POINTS)

    def trouble(self) -> list[str]:
        """Returns errors, warnings, requests, and what the security policy refused."""
        return [*self._trouble, *self.page.evaluate("violations")]

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._trouble.append(message.text)

    def _on_request(self, request: Any) -> None:
        # The address of an icon, or of a file that is saved, holds the file itself.
        is_own = request.url.partition("#")[0] == self._address
        if not is_own and not request.url.startswith(("data:", "blob:")):
            self._trouble.append(request.url)
