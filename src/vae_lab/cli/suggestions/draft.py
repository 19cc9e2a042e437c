"""A command line on its way from what was typed to what to type."""

from dataclasses import dataclass, field
from typing import NamedTuple

from vae_lab.config.compose import key_of
from vae_lab.config.known_keys import default_options, options_named_by

SWEEP = "-m"


class Assignment(NamedTuple):
    """A word `key=value`."""

    place: int  # among the words
    word: str
    key: str
    value: str


@dataclass
class Draft:
    """The words of a command line, and why some of them were replaced."""

    words: list[str]
    to_sweep: str = "add -m"  # what asks for a sweep
    # What is wrong -> with which of them.
    reasons: dict[str, list[str]] = field(default_factory=dict)
    # The module of the package that the words are for; "": `vae_lab` itself.
    module: str = ""
    # Names that were typed as flags.
    flags: set[str] = field(default_factory=set)
    # Whether a value is only one of those that are allowed.
    is_example: bool = False

    def replace(self, start: int, stop: int, new: list[str], reason: str, of: str = "") -> None:
        """Puts words in place of others. What another word sets already stays as it is there."""
        others = [*self.words[:start], *self.words[stop:]]
        taken = {key_of(word) for word in others if "=" in word}
        self.words[start:stop] = [
            word for word in new if len(new) == 1 or "=" not in word or key_of(word) not in taken
        ]
        self.give(reason, of)

    def give(self, reason: str, of: str = "") -> None:
        """Adds why something was replaced. What was typed as a flag is named once."""
        if of not in self.flags:
            others = self.reasons.setdefault(reason, [])
            others.extend([of] if of and of not in others else [])

    def choose(self, group: str, option: str) -> None:
        """Chooses an option of a group, in place of the one that is chosen."""
        settings = self.settings()
        places = [setting.place for setting in settings if setting.key == group]
        if places:
            self.words[places[0]] = f"{group}={option}"
        else:
            first = settings[0].place if settings else len(self.words)
            self.words.insert(first, f"{group}={option}")

    def settings(self) -> list[Assignment]:
        """Returns the words that are `key=value`, in order."""
        found = []
        for place, word in enumerate(self.words):
            start, equals, value = word.partition("=")
            if equals and not word.startswith(("-", "~")):
                found.append(Assignment(place, word, start.lstrip("+"), value))
        return found

    def option(self, group: str) -> str | None:
        """Returns which option of a group is chosen, or the default one."""
        chosen = {**default_options(), **{each.key: each.value for each in self.settings()}}
        if self.chooses(group):
            return chosen[group]
        for other in ("model", "likelihood", "experiment"):  # the last wins, as in config.yaml
            chosen.update(options_named_by(other, chosen[other]))
        return chosen.get(group)

    def chooses(self, group: str) -> bool:
        """Tells whether a word chooses an option of a group."""
        return any(setting.key == group for setting in self.settings())

    def drop_repeated(self) -> None:
        """Leaves out what a later word sets too: Hydra takes the last."""
        last = {setting.key: setting.place for setting in self.settings()}
        repeated = {each.place for each in self.settings() if each.place != last[each.key]}
        self.words = [word for place, word in enumerate(self.words) if place not in repeated]

    @property
    def is_sweep(self) -> bool:
        """Whether several values of a key make several runs."""
        return bool({SWEEP, "--multirun"} & set(self.words))

    def make_sweep(self) -> None:
        """Adds the flag of a sweep."""
        if not self.is_sweep:
            self.words.insert(0, SWEEP)
