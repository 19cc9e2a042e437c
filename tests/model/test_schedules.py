"""Learning rate factors as functions of progress."""

import pytest
import torch

from vae_lab.optimizers import learning_rate_factor


def test_constant_stays_at_the_peak() -> None:
    factor = learning_rate_factor("constant", 0.3)
    assert [factor(p) for p in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]


def test_one_cycle_rises_to_the_peak_and_ends_near_zero() -> None:
    factor = learning_rate_factor("one_cycle", 0.3)
    assert factor(0.0) == pytest.approx(1 / 25)
    assert factor(0.3) == pytest.approx(1.0)
    assert factor(1.0) == pytest.approx(1e-4)
    assert factor(1.1) == pytest.approx(1e-4), "past the end it stays there"
    rise, fall = ([factor(p / 100) for p in span] for span in (range(30), range(30, 101)))
    assert rise == sorted(rise) and fall == sorted(fall, reverse=True)


def test_one_cycle_is_torchs_where_that_is_no_different() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=101, cycle_momentum=False, final_div_factor=400
    )
    ours = learning_rate_factor("one_cycle", 0.3)
    for step in range(100):
        # Theirs peaks one step early: at 0.3 * total_steps - 1.
        progress = step / 29.3 * 0.3 if step <= 29.3 else 0.3 + (step - 29.3) / 70.7 * 0.7
        assert theirs.get_last_lr()[0] == pytest.approx(ours(progress), rel=1e-4), step
        optimizer.step()
        theirs.step()


def test_tripling_has_the_stages_of_burda_et_al() -> None:
    factor = learning_rate_factor("tripling", 0.3)
    rates = [factor(epoch / 3280) for epoch in range(3280)]
    expected = [10 ** (-i / 7) for i in range(8) for _ in range(3**i)]
    assert rates == pytest.approx(expected)
    assert factor(1.0) == pytest.approx(0.1)
