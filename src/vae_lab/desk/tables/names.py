"""Names of columns in a query: as `load_runs` has them, or as one word of SQL.

The rule: in double quotes a name is the column's own, `"elbo/test"`. Without them, each character
that is not a letter, a digit or `_` is a `_`: `elbo_test`.
"""

import re
import shlex
from collections.abc import Iterable, Sequence

from vae_lab.errors import did_you_mean
from vae_lab.terminal import in_this_shell

PROGRAM = ("python", "-m", "vae_lab", "query")

# Texts and comments, which hold no names; names in double quotes; words.
_PARTS = re.compile(
    r"""(?P<other>'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|`[^`]*`|\[[^\]]*\])"""
    r"""|"(?P<quoted>(?:[^"]|"")*)"|(?P<word>[^\W\d]\w*)""",
    re.DOTALL,
)


def as_word(name: str) -> str:
    """Returns a column's name as it is written without quotes."""
    word = re.sub(r"\W", "_", name)
    return f"_{word}" if word[:1].isdigit() else word


class Names:
    """The tables of a database, and how a query may name their columns.

    `arguments` are those of the command line behind its query, for the line to type.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self.columns: dict[str, list[str]] = {}  # by table

    def add(self, table: str, columns: Iterable[str]) -> None:
        """Adds a table with its columns."""
        self.columns[table] = [*columns]

    def all(self) -> list[str]:
        """Returns the names of the columns of all tables, each once."""
        return [*dict.fromkeys(name for columns in self.columns.values() for name in columns)]

    def words(self, query: str) -> set[str]:
        """Returns the names of a query, quoted or not, in small letters."""
        parts = (match["quoted"] or match["word"] or "" for match in _PARTS.finditer(query))
        return {part.casefold() for part in parts}

    def exact(self, query: str) -> str:
        """Returns the query with each column by its own name.

        SQLite takes an unknown name in double quotes for a text, and no error is told. It does not
        in brackets.
        """
        columns = self._by_word()

        def bracketed(match: re.Match[str]) -> str:
            name = match["quoted"] or match["word"] or ""
            known = columns.get(name.casefold(), name)
            is_plain = match["quoted"] is None and known.casefold() == name.casefold()
            return match[0] if is_plain or "]" in known else f"[{known}]"

        return _PARTS.sub(bracketed, query)

    def explained(self, message: str, query: str, tables: Iterable[str]) -> str:
        """Returns an error of SQLite's in words, with what there is or the line to type."""
        kind, _, name = message.partition(": ")
        if kind == "no such table":
            return f"there is no table {name}: the tables are {', '.join(tables)}."
        if kind == "no such column":
            return self._unknown_column(name.rpartition(".")[2] or name, name, query)
        if "prohibited" in message or "not authorized" in message:
            return "a query only reads: begin it with select, or with."
        if "one statement" in message:
            return "a query is one statement: write one select, without ; in it."
        return f"the query cannot be done: {message}."

    def _unknown_column(self, name: str, whole: str, query: str) -> str:
        # Written without quotes, `elbo/test` is a division, and `optimizer.lr` a table's column.
        for known in sorted(self.all(), key=len, reverse=True):
            if as_word(known) != known and re.search(rf"\b{re.escape(known)}(?!\w)", query):
                line = self._line(query, known, as_word(known))
                return f"{known} in SQL is {as_word(known)}. Type: {line}"
        words = {as_word(known): known for known in self.all()}
        longer = (word for word in words if word.startswith(f"{name}_"))
        if near := did_you_mean(name, [*words]) or next(longer, None):
            return f"there is no column {whole}. Type: {self._line(query, whole, near)}"
        listing = in_this_shell(shlex.join([*PROGRAM, "--columns", *self._arguments]))
        return f"there is no column {whole}. To see all, type: {listing}"

    def _line(self, query: str, wrong: str, right: str) -> str:
        pattern = rf"\"?(?<!\w){re.escape(wrong)}(?!\w)\"?"
        corrected = re.sub(pattern, right.replace("\\", r"\\"), query)
        return in_this_shell(shlex.join([*PROGRAM, corrected, *self._arguments]))

    def _by_word(self) -> dict[str, str]:
        """Returns the columns by what a query may write; what two would be is left out."""
        names = self.all()
        found: dict[str, str | None] = {}
        for name in names:
            word = as_word(name).casefold()
            found[word] = None if word in found else name
        own = {name.casefold(): name for name in names}
        return {word: name for word, name in {**found, **own}.items() if name is not None}
