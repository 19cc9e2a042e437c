"""The text of a PDF as Chromium writes it: compressed streams of glyphs, with a map to letters."""

import re
import zlib


def page_texts(data: bytes) -> list[str]:
    """Returns the text of each page, without the places of its letters."""
    objects = {
        int(match[1]): match[2]
        for match in re.finditer(rb"(\d+) 0 obj(.*?)endobj", data, re.DOTALL)
    }
    pages = [content for content in objects.values() if re.search(rb"/Type /Page\b", content)]
    return [_text(page, objects) for page in pages]


def _text(page: bytes, objects: dict[int, bytes]) -> str:
    contents = re.search(rb"/Contents (\d+)", page)
    fonts = re.search(rb"/Font <<(.*?)>>", page, re.DOTALL)
    assert contents and fonts, "no page of Chromium"
    letters = {
        name: _letters(objects[int(number)], objects)
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", fonts[1])
    }
    text, current = "", dict[bytes, str]()
    for font, glyphs in re.findall(
        rb"/(F\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj", _stream(objects[int(contents[1])])
    ):
        current = letters[font] if font else current
        text += "".join(current.get(glyphs[k : k + 4], "") for k in range(0, len(glyphs), 4))
    return text


def _letters(font: bytes, objects: dict[int, bytes]) -> dict[bytes, str]:
    """Returns the letter of each glyph of a font, both by their numbers."""
    found = re.search(rb"/ToUnicode (\d+)", font)
    if not found:
        return {}
    letters: dict[bytes, str] = {}
    for kind, lines in re.findall(
        rb"beginbf(char|range)(.*?)endbf", _stream(objects[int(found[1])]), re.DOTALL
    ):
        for row in lines.strip().splitlines():
            numbers = [int(number, 16) for number in re.findall(rb"<([0-9A-F]+)>", row)]
            first, last, letter = numbers if kind == b"range" else (numbers[0], *numbers)
            for step in range(last - first + 1):
                letters[b"%04X" % (first + step)] = chr(letter + step)
    return letters


def _stream(content: bytes) -> bytes:
    head, _, rest = content.partition(b"stream")
    # What follows the compressed bytes is left alone.
    return zlib.decompressobj().decompress(rest.lstrip()) if b"FlateDecode" in head else rest
