"""How long the rest of a sweep takes: by runs of the same options, or not known."""

import pytest

from vae_lab.cli.sweep_time import SweepTime, Work

LINEAR, CONV = {"model": "linear"}, {"model": "conv"}


def of(choices: dict[str, str], epochs: int | None = 20, *, is_finished: bool = False) -> Work:
    return Work.of(choices, epochs, is_finished=is_finished)


def test_runs_of_the_same_options_take_equally_long_per_epoch() -> None:
    time = SweepTime([of(LINEAR), of(LINEAR, 10), of(LINEAR, 40)])
    # By the run at work, before any has ended.
    assert time.rest(0, 8.0) == 4 + 16
    time.record(0, 10.0)
    assert time.rest(1, 6.0) == 24
    assert time.rest(2, 20.0) == 0


def test_the_rest_is_not_known_before_a_run_of_each_kind_has_begun() -> None:
    time = SweepTime([of(LINEAR), of(CONV), of(LINEAR), of(CONV)])
    assert time.rest(0, 10.0) is None
    time.record(0, 10.0)
    assert time.rest(1, 70.0) == pytest.approx(10 + 70)
    time.record(1, 80.0)
    assert time.rest(2, 12.0) == pytest.approx(80)


def test_what_was_finished_before_takes_no_time_and_tells_none() -> None:
    time = SweepTime([of(LINEAR, is_finished=True), of(LINEAR), of(CONV, is_finished=True)])
    time.record(0, 0.1)
    assert time.rest(0, 0.1) is None
    assert time.rest(1, 10.0) == 0


@pytest.mark.parametrize("epochs", [None, -1])
def test_runs_without_a_limit_in_epochs_take_equally_long(epochs: int | None) -> None:
    assert SweepTime([of(LINEAR, epochs), of(LINEAR, epochs)]).rest(0, 9.0) == 9.0
