"""docs/reference/keys.md is what `make keys-page` writes, and holds every key."""

import re
import runpy

from repository import ROOT

from vae_lab.config.descriptions import Descriptions
from vae_lab.config.trainer_rules import REFUSED_TRAINER_ARGUMENTS, TRAINER_ARGUMENTS

PAGE = (ROOT / "docs" / "reference" / "keys.md").read_text(encoding="utf-8")


def test_the_page_of_keys_is_up_to_date() -> None:
    fresh = runpy.run_path(str(ROOT / "tools" / "write_keys_page.py"))["page"]()
    assert fresh == PAGE, "run make keys-page"


def test_the_page_of_keys_has_every_key_and_argument() -> None:
    descriptions = Descriptions()
    names = {key.name for key in descriptions.top_level()}
    for group in descriptions.groups.values():
        for option in group.options:
            names |= {key.name for key in descriptions.option(group.name, option).keys}
            assert f"| `{option}` |" in PAGE
    names |= {f"trainer.{name}" for name in (*TRAINER_ARGUMENTS, *REFUSED_TRAINER_ARGUMENTS)}
    assert len(names) > 180
    assert {name for name in names if f"| `{name}` |" not in PAGE} == set()


def test_the_tables_of_the_page_have_one_number_of_columns_each() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
