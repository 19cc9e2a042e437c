"""Messages of Hydra about a configuration that it cannot compose, in words of this project.

What is not in the table is shown as Hydra says it.
"""

import re

# What Hydra says -> what is said here.
_ANSWERS = (
    (
        r"Override (\S+)=.* looks like a config group override",
        "{0} names a package with @, which no key here has: write key=value.",
    ),
    (r"Could not override '([^'@]+)@", "{0} is chosen without @: write {0}=OPTION."),
    (r"Multiple values for ([^\s.]+)\.", "{0} is chosen without +: write {0}=OPTION."),
    (r"force-add of config groups .*'\+\+([^=]+)=", "{0} is chosen without +: write {0}=OPTION."),
    (
        r"Could not delete (?:from config\. )?'([^'=]+)",
        "~{0} removes nothing, since there is no such key or option: leave it out.",
    ),
    (
        r"deletion value must be a string.*input_line='~([^'=]+)",
        "~{0} is written without a value: write ~{0}.",
    ),
    (
        r"Cannot find primary config '([^']+)'",
        "--config-name {0} does not exist: leave it out, or name a file of --config-dir.",
    ),
    (
        r"hydra\.searchpath must be a list of strings",
        "hydra.searchpath must be a list of folders, such as [file://conf].",
    ),
)


def answer_to(message: str) -> str | None:
    """Returns what is said here in place of a message of Hydra; None if it is not in the table."""
    for pattern, answer in _ANSWERS:
        if found := re.search(pattern, message):
            return answer.format(*found.groups())
    return None
