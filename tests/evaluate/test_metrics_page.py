"""The page on metrics: it has every number that an evaluation holds, and its example is one."""

import re
from pathlib import Path

from copier import evaluation_of_copier

from vae_lab.evaluate.evaluation import METRICS
from vae_lab.run_folder import Number

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def numbers() -> dict[str, Number]:
    evaluation = evaluation_of_copier(
        2, num_samples=30, grid_tolerance=1, grid_points=5000, ais=1, temperatures=3, chains=2,
        leapfrog_steps=1, start_width=2, simulated_images=4,
    )  # fmt: skip
    return {number.name: number for metric in METRICS for number in metric(evaluation)}


def test_the_page_has_the_name_the_protocol_and_the_details_of_every_number() -> None:
    words = set(re.findall(r"`([\w.]+)[`:]", PAGE.read_text(encoding="utf-8")))
    for name, number in numbers().items():
        family = f"{name.partition('_of_')[0]}_of_..."
        assert name in words or family in words, name
        details = set(number.details) - {"warning", "standard_errors"}
        assert {*number.protocol, *details} <= words, name
