"""The English of everything that people read: phrases that cost a second reading, and better ones.

The readers are students whose second language is English. A phrase of this list was stumbled over;
each stands for a pattern: verbs late, `a` for `per`, `alone` for `only`, `where` for `if`, idioms.
"""

import re
from pathlib import Path

import pytest
from prose import joined, markdown_prose, prose_files, prose_of, python_prose
from repository import ROOT

UNIT = (
    r"(?:nats|bytes?|bits|seconds|microseconds|minutes|hours|ms|[GM]B|\d s|\) s|images|steps|jobs)"
)
WHOLE = (
    r"(?:epoch|run|value|image|job|step|round|class|setting|model|batch|pixel|dimension|label|line|"
    r"sweep|process|file|point|page|picture|seed|second|minute|hour|day|machine|core|thread|digit|"
    r"channel|trial)"
)
ONE = r"(?:family|paper|colour|line|page|process|table|chart|picture|row|file|one)"

# What must not be written, as a regular expression for words with one blank between them -> what to
# write. A pattern must not meet good English: better it misses a case than it forbids a word.
INSTEAD = {
    r"\bto be had\b|\bcan be had\b": "could not be downloaded; is available",
    r"\b(?:go|goes|going|went|gone) on\b": "resume, continue",
    rf"{UNIT} an? {WHOLE}\b(?!')": "per",
    rf"\b(?:a|one) {ONE} an? {WHOLE}\b(?!'| (?:that|is|has|was))|, one a line\b": "per",
    r"(?<!left )(?<!leave )(?<!leaves )(?<!it )(?<!them )\balone\b": "only",
    r"\bwhere (?:there (?:is|are|was)|it is (?:no|not|there|left)|they are (?:not|there))\b": "if",
    r"\bwhere (?:no|none|nothing) |Error: where\b|\b(?:None|null):? where\b": "if",
    r"(?<!there )\b(?:is|are) no (?!longer\b|more\b|less\b|such\b|\w+er than\b)": "is not a",
    r"\bvalues? that (?:is|are) no numbers?\b": "NaN or infinity",
    r"\b(?:every|exact|these|their|finer|chosen|this) figures?\b|(?<!of )\bthe figure\b": "value",
    r"\bfigures? (?:without|would|do not|does not|of two|of an image|of other|of a)\b": "value",
    r"\b(?:the|a|its|their) spreads?\b|\(spread\b": "standard deviation",
    r"\bby the hundred\b": "hundreds of times, or the number",
    r"\bthat of the moment\b": "the current one",
    r"\bgoe?s? with one another\b": "can be combined",
    r"\bat work\b": "running, in use",
    r"\bat hand\b": "available",
    r"\bsays? nothing (?:about|of|against)\b": "does not describe, gives no information about",
    r"\bmeans? nothing\b|\b(?:no|without) meaning\b": "cannot be interpreted, is not supported",
    r"\b(?:is|are) not there\b": "is missing",
    r"\b(?:if|once|when) (?:\w+ ){1,3}(?:is|are) there\b": "exists",
    r"\bdo(?:es)? not compare\b": "are not comparable",
    r"\b(?:told|tells?|telling) (?:\w+ )?apart\b": "distinguish; no significant difference",
    r"\b(?:it|engines|this) pays?\b": "is worthwhile",
    r"\b(?:what )?suits the model\b": "model-specific default",
    r"\bas ever\b": "as usual",
    r"% is much\b": "suggests overfitting",
    r"\bin (?:one|a) night\b|\bthe night was bad\b": "name the subject: an interrupted run",
    r"\bwhat is (?:answered|refused|to be seen)\b": "error messages; limits; findings",
    r"\blooking changes nothing\b": "drawing does not affect training",
    r"\bhow often it was tried\b": "stress tests",
    r"\bthese weights\b|\bweights of (?:linear|conv) z": "the name of the run (one seed)",
    r"\banew\b(?! each training epoch)": "again",  # results hold these words
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bshall\b": "must",
    r"\bstarves?\b|\bhouse\b": "plain words, not a metaphor",
    r"\b(?:whence|thereof|therein|hitherto|whatsoever|lest|thither|whither)\b": "a common word",
    r"\b(?:gray|behavior|neighbors?|favor|analyz\w+|labeled|modeled)\b": "British spelling",
    r"\b(?:by heart|to speak of|next to nothing)\b": "memorises; almost nothing, almost no",
    r"\bcosts? (?:the )?bound\b|\bpays? for\b": "lowers the bound; saves less than it costs",
    r"\b(?:helps?|helped|compares?) much\b": "helps a lot; makes many comparisons",
    r"\b(?:comes?|came) (?:about|of (?:it|both|them))\b": "were measured, result",
    r"\b(?:are|is) other ones\b": "are not the same",
    r"\b(?:hold|held) against\b": "compare with",
    r", (?:the|its|their) (?:report|page|table|file|message|\w+ bound) says?[.;]": "verb first",
    r"\bstand its\b|\b(?:runs|pictures|numbers|values|ratios) stand\b": "are; the page names",
    # Titles of papers, whose words begin with a capital letter, stay as they are.
    r"\b(?-i:(?:normal|minim|general|recogn|reparameter|regular)iz\w+|summarize\w*)": "-ise",
}


def hits(path: Path) -> list[str]:
    """Returns the places of a file that break the list."""
    prose = prose_of(path)
    name = path.relative_to(ROOT)
    found = [
        (prose.line(match.start()), match[0], instead)
        for pattern, instead in INSTEAD.items()
        for match in re.finditer(pattern, prose.text, flags=re.IGNORECASE)
    ]
    return [f"{name}:{line}: {text!r}: write: {instead}" for line, text, instead in sorted(found)]


@pytest.mark.parametrize("name", [str(path.relative_to(ROOT)) for path in prose_files()])
def test_a_file_has_no_phrase_of_the_list(name: str) -> None:
    found = hits(ROOT / name)
    assert not found, "\n".join(found)


def test_prose_of_a_program_is_its_comments_and_strings() -> None:
    source = (
        'x = 1  # Of this\n# line alone.\ndef alone(): \n    """Says\n    it."""\n    f("a b")\n'
    )
    prose = joined(python_prose(source))
    assert "Of this line alone." in prose.text
    assert "Says it." in prose.text
    assert "alone()" not in prose.text
    assert prose.line(prose.text.index("alone.")) == 2
    assert prose.line(prose.text.index("it.")) == 5


def test_prose_of_a_page_has_no_inline_code_and_ends_at_a_cell() -> None:
    prose = joined(markdown_prose("# A title\nOne `x is no y`\nrow | a run\n"))
    assert "is no" not in prose.text
    assert "row a run" not in prose.text


@pytest.mark.parametrize(
    "text",
    [
        "data=mnist is not to be had",
        "it took 0.04 s an epoch",
        "one colour a setting",
        "a list, one a line",
        "a value that is no number stops it",
        "of the batch alone",
        "ValueError: where the folder is bad",
        "every figure here",
        "it learns the images by heart",
        "what came of it",
        "the runs stand in two parts",
        "whether it is better, its validation bound says.",
    ],
)
def test_bad_phrases_are_found(text: str) -> None:
    assert any(re.search(pattern, text, flags=re.IGNORECASE) for pattern in INSTEAD)


@pytest.mark.parametrize(
    "text",
    [
        "there is no plane",
        "it is no longer drawn",
        "the folder where the run writes",
        "once a run has ended",
        "in the file an image's pixel has",
        "it is left alone",
        "figures/index.html, see figure 3",
        "three runs per setting",
        "the page says why",
        "a factor stands in for it",
    ],
)
def test_good_phrases_are_left(text: str) -> None:
    assert not any(re.search(pattern, text, flags=re.IGNORECASE) for pattern in INSTEAD)
