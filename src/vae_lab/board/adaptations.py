"""What TensorBoard's own answers lack for runs of ours: changed on their way to the browser.

TensorBoard has no setting for any of it. An answer that has another form than expected, as a later
version's may have, is left as it is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

# Scalars of one point each. TensorBoard reads them for its HParams table, which shows them.
SINGLE_POINTS = re.compile(r"/test$")

# Columns of the HParams table that come first if they vary.
FIRST = ("model", "latent_dim")

# In TensorBoard's script: the palettes of the Time Series tab and of the older tabs; how a number
# of the HParams table is written, in five digits (10.000); the size of the marks in Custom Scalars,
# four times as wide as the lines.
PALETTE = re.compile(r'colors:\[\{name:"Slate"[^\]]*\]')
OLDER_PALETTE = re.compile(r"tensorboardColorBlindAssist:\[[^\]]*\]")
FIVE_DIGITS = re.compile(r"\?(\w+)\.toPrecision\(5\):")
LARGE_MARKS = re.compile(r"\.size\((\w+)\*2\)(?=,\w+\.symbol\(\()")


# Time Series: a picture is as wide as its card and as high as it then is. TensorBoard makes it as
# high as a strip of 215 pixels, and leaves pixels out where it makes a picture smaller.
STYLE = """<style>
image-card { height: auto !important; }
image-card-component:not(.actual-size) {
  flex: none !important; width: 100% !important; overflow: visible !important;
  box-sizing: border-box;
}
image-card-component:not(.actual-size) img {
  position: static !important; width: 100% !important; height: auto !important;
  max-height: none !important; image-rendering: auto !important;
}
</style>
"""


class RunColour(NamedTuple):
    """The colour of a run on a light and on a dark page, such as `#0b6`."""

    light: str
    dark: str


# Of a run that has no colour, such as one that has not ended.
GREY = RunColour("#8a8a8a", "#8a8a8a")


def without_single_points(answer: Any) -> Any:
    """Leaves scalars of one point out of the tags that a tab shows charts of."""
    # Of the Time Series tab: by plugin; of the Scalars tab: the tags of each run.
    scalars = answer.get("scalars", {})
    tags = scalars.get("runTagInfo", {}) if "scalars" in answer else answer
    for run, of_run in tags.items():
        kept = [tag for tag in of_run if not SINGLE_POINTS.search(tag)]
        tags[run] = kept if isinstance(of_run, list) else {tag: of_run[tag] for tag in kept}
    return answer


def with_what_varies(experiment: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Leaves hyper-parameters out of the HParams table that have one value in all its rows.

    If none varies, as in a single run, all are kept.
    """
    columns = experiment.get("hparamInfos", [])
    values = {
        column["name"]: {json.dumps(row.get(column["name"])) for row in rows} for column in columns
    }
    kept = [column for column in columns if len(values[column["name"]]) > 1] or columns
    experiment["hparamInfos"] = sorted(kept, key=lambda column: _place(column["name"]))
    return experiment


def _place(name: str) -> tuple[int, str]:
    return FIRST.index(name) if name in FIRST else len(FIRST), name


def with_style(page: str) -> str:
    """Returns TensorBoard's page with our style of pictures."""
    return page.replace("</head>", f"{STYLE}</head>", 1)


@cache
def adapted_script(script: str, colours: tuple[RunColour, ...]) -> str:
    """Returns TensorBoard's script with the colours of the runs, in its order of the runs.

    Whole numbers of the HParams table are written as such, and marks are small.
    """
    script = FIVE_DIGITS.sub(r"?String(+\1.toPrecision(5)):", script)
    script = LARGE_MARKS.sub(r".size(\1)", script)
    if not colours:
        return script
    palette = [
        {"name": f"run {number}", "lightHex": light, "darkHex": dark}
        for number, (light, dark) in enumerate(colours)
    ]
    # A function: the text of a replacement could hold groups.
    script = PALETTE.sub(lambda _: f"colors:{json.dumps(palette)}", script, count=1)
    older = json.dumps([light for light, _ in colours])
    return OLDER_PALETTE.sub(lambda _: f"tensorboardColorBlindAssist:{older}", script, count=1)
