"""The prose of a page, without its tables, charts, commands and lists of facts."""

from html.parser import HTMLParser

PROSE = ("p", "li", "figcaption", "summary", "h1", "h2", "h3")
NO_PROSE = ("table", "svg", "script", "style", "pre", "dialog")


class Prose(HTMLParser):
    """The words within paragraphs, lists, captions and headings, each once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._within = dict.fromkeys((*PROSE, *NO_PROSE), 0)
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._within:
            self._within[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            self._within[tag] -= 1

    def handle_data(self, data: str) -> None:
        if any(self._within[it] for it in PROSE) and not any(self._within[it] for it in NO_PROSE):
            self.words += data.split()
