"""The letters of charts and captions: the font, how wide a text is, names that fit."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from PIL import ImageFont

TITLE, TEXT, TICK = 13, 11, 10  # heights of fonts, in units

_LONGEST = 14  # characters of a label's name


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Returns the font at a size in pixels; it has ASCII and few other letters."""
    # Part of Pillow (Aileron): the same letters on every machine.
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "Pillow without FreeType"
    return loaded


def length(text: str, *, size: int) -> float:
    """Returns how many units wide a line of text is."""
    return font(size).getlength(text)


def wrapped(text: str, *, size: int, width: float) -> list[str]:
    """Returns the text in lines no wider than `width` units; words break only if they must."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and length(longer, size=size) <= width:
            lines[-1] = longer
        else:
            lines += _broken(word, size=size, width=width)
    return lines


def _broken(word: str, *, size: int, width: float) -> Iterator[str]:
    """Yields a word in parts no wider than `width` units, each of one letter or more."""
    part = ""
    for letter in word:
        if part and length(part + letter, size=size) > width:
            yield part
            part = ""
        part += letter
    yield part


def shortened(text: str, *, size: int, width: float, lines: int) -> list[str]:
    """Returns the text in at most so many lines; what is left out shows as two dots."""
    shown = text
    while len(found := wrapped(shown, size=size, width=width)) > max(lines, 0):
        if not (text := text[:-1]):
            return []
        shown = f"{text.rstrip()}.."
    return found


def in_letters(text: str) -> str:
    """Returns a text in letters that the font has; others are written as in Python."""
    return "".join(
        letter if letter.isascii() and letter.isprintable() else f"{ascii(letter)[1:-1]}"
        for letter in text
    )


def label_name(label: int, names: Sequence[str] | None) -> str:
    """Returns the name of a label as it is drawn: in letters of the font, short, and its own.

    It is the number of the label if there are no names.
    """
    return str(label) if names is None else _drawn_names(tuple(names))[label]


@cache
def _drawn_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns names in ASCII, shortened so that no two become one."""
    # A name of blanks would not be seen.
    texts = [in_letters(name).strip() or str(number) for number, name in enumerate(names)]
    # From the most legible: the beginning, both ends, the beginning and the number of the label.
    cuts = [f"{text[: _LONGEST - 2]}.." for text in texts]
    ends = [f"{text[: _LONGEST - 8]}..{text[-6:]}" for text in texts]
    numbered = [f"{text[: _LONGEST - 6]}..{number}" for number, text in enumerate(texts)]
    forms = [
        [
            text if len(text) <= _LONGEST else short
            for text, short in zip(texts, shorts, strict=True)
        ]
        for shorts in (cuts, ends)
    ]
    counts = [Counter(form) for form in forms]
    return tuple(
        next(
            (form[k] for form, count in zip(forms, counts, strict=True) if count[form[k]] == 1), own
        )
        for k, own in enumerate(numbered)
    )


def legend_width(names: Sequence[str]) -> int:
    """Returns how many units a legend of these names takes, with its marks and margins."""
    return 34 + math.ceil(max((length(name, size=TEXT) for name in names), default=0))
