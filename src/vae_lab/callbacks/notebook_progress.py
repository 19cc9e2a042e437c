"""The progress of a training in a notebook: one line below the cell, which is drawn again."""

import html
import sys
from collections.abc import Mapping
from typing import Any

# The frontend gives colours: a line must be read on a light and on a dark page.
_STYLE = "font-family: monospace; white-space: pre-wrap; font-variant-numeric: tabular-nums"


def in_notebook() -> bool:
    """Tells whether what is displayed goes to a notebook, as in Jupyter, VS Code or Colab."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class NotebookBar:
    """One line with a bar. It needs no widgets, and has no thread: it moves only when shown."""

    def __init__(self) -> None:
        self._display: Any = None
        self._text = ""

    def show(self, parts: Mapping[str, str], *, steps: int, total: float) -> None:
        """Draws the parts of the line, and how many of the steps of the epoch are done."""
        times = ", ".join(parts[name] for name in ("speed", "left", "sweep") if name in parts)
        others = [times, *(parts[name] for name in ("elbo", "loss") if name in parts)]
        title, after = parts["title"], "  ".join(filter(None, others))
        bar = f'<progress value="{steps}" max="{total}" style="width: 8em"></progress>'
        self._text = f"{title}  {after}"
        self._draw(self._text, f"{html.escape(title)}  {bar}  {html.escape(after)}")

    def end(self, line: str) -> None:
        """Leaves a line in the place of the bar."""
        self._draw(line, html.escape(line))

    def close(self) -> None:
        """Leaves the last line without the bar: no training moves it any more."""
        if self._text:
            self.end(self._text)

    def _draw(self, text: str, content: str) -> None:
        from IPython.display import display

        shown = {"text/html": f'<div style="{_STYLE}">{content}</div>', "text/plain": text}
        if self._display is None:
            show: Any = display  # without types
            self._display = show(shown, raw=True, display_id=True)
        else:
            self._display.update(shown, raw=True)
