"""What a person says about a run: its note and its tags. They are in no hash and in no name."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.config.rules import Rule, is_whole

NOTE, TAGS = "note", "tags"

# Characters of a note and of a tag, and tags of a run.
LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 500, 40, 20


def _is_note(value: Any) -> bool:
    # A variable that is left in it would be looked up when the configuration is read again.
    fits = isinstance(value, str) and 0 < len(value) <= LONGEST_NOTE and "${" not in value
    breaks = ("Cc", "Cs", "Zl", "Zp")  # what ends a line or changes it, halves of characters
    return value is None or (fits and all(unicodedata.category(it) not in breaks for it in value))


def _is_tags(value: Any) -> bool:
    tags = value if isinstance(value, list) else [None]
    # YAML reads 2026 as a number: a word too.
    words = [str(tag) if isinstance(tag, str) or is_whole(tag) else "" for tag in tags]
    pattern = rf"[\w.+:/-]{{1,{LONGEST_TAG}}}"
    return len(words) <= MOST_TAGS and all(re.fullmatch(pattern, word) for word in words)


REMARK_RULES = (
    Rule(f"one line of at most {LONGEST_NOTE} characters without ${{, or null", _is_note, NOTE),
    Rule(
        f"a list of at most {MOST_TAGS} words of letters, digits and . _ + - : /, such as "
        "[baseline,thesis]",
        _is_tags,
        TAGS,
    ),
)


def remarks_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the note and the tags of a configuration, None and [] if it has none."""
    tags = [str(tag) for tag in values.get(TAGS) or ()]
    return {NOTE: values.get(NOTE), TAGS: list(dict.fromkeys(tags))}


def remarks_in_words(note: str | None, tags: Sequence[str]) -> str:
    """Returns the tags and the note in one line, empty if there are none."""
    parts = [f"tags: {', '.join(tags)}"] * bool(tags) + [f"note: {note}"] * bool(note)
    return "; ".join(parts)
