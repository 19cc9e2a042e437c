"""What is printed of conditional runs: log p(x given y) stands in no column of log p(x)."""

from typing import Any

from vae_lab.evaluate.printing import format_evaluation, format_table
from vae_lab.evaluate.requests import Request
from vae_lab.run_folder import Number, RunFolder, RunResult


class Finished(RunFolder):
    """A run of which only the name is known."""

    def require_result(self) -> RunResult:
        return RunResult(name=self.name, status="success", config_hash="0")


def content(condition: str | None, **values: float) -> dict[str, Any]:
    common: dict[str, Any] = {"data": "digits", "split": "test", "seed": 0}
    given = common | ({"condition": condition} if condition else {})
    numbers = {
        name: Number(name, name, value, 0.5, common if name == "summed_bound" else given).to_json()
        for name, value in values.items()
    }
    return {"config_hash": "0", "protocol": given, "settings": {}, "numbers": numbers}


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.split("\n")
    ]


def test_each_condition_has_its_column(tmp_path: Any) -> None:
    measured = [
        (Request(Finished(tmp_path / name), tmp_path, {}), found)
        for name, found in (
            ("free", content(None, elbo=-100.0)),
            ("given", content("label", elbo=-97.0, summed_bound=-101.0)),
            ("few", content("label, 100 known", elbo=-99.0)),
        )
    ]
    text = format_table(measured)
    [heading] = [row for row in rows(text) if "run" in row]
    assert heading == [
        *("run", "data", "elbo", "elbo given y", "elbo (label, 100 known)", "summed bound")
    ]
    [free] = [row for row in rows(text) if row[:1] == ["free"]]
    [given] = [row for row in rows(text) if row[:1] == ["given"]]
    assert free == ["free", "digits", "-100.00 ± 0.50", "–", "–", "–"]
    assert given == ["given", "digits", "–", "-97.00 ± 0.50", "–", "-101.00 ± 0.50"]


def test_an_evaluation_says_what_its_numbers_are_given() -> None:
    assert "log p(x given y)" in format_evaluation("run", content("label", elbo=-97.0))
    assert "given" not in format_evaluation("run", content(None, elbo=-97.0))
