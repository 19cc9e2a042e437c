"""The scripts of the page: all of them are in it, and no name means two things."""

import re
from collections import Counter
from pathlib import Path

from vae_lab.explorer import page

FOLDER = Path(page.__file__).parent
NAME = re.compile(r"^(?:async )?(?:const|let|class|function\*?) ([A-Za-z_$][\w$]*)", re.MULTILINE)


def test_every_script_is_in_the_page_once() -> None:
    there = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.js"))
    assert sorted(page.SCRIPTS) == there


def test_a_name_at_the_top_of_a_script_is_declared_once() -> None:
    # The scripts share one scope: a second function of a name would replace the first silently.
    names = Counter(NAME.findall(page.scripts(page.SCRIPTS)))
    assert len(names) > len(page.SCRIPTS)
    assert [name for name, count in names.items() if count > 1] == []


def test_the_page_holds_no_comments_of_scripts() -> None:
    assert not re.search(r"^ *//", page.scripts(page.SCRIPTS), re.MULTILINE)
