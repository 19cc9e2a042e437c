"""What the benches share: they end in time on any processor, and say what they ran on."""

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from repository import ROOT
from torch import nn

from vae_lab import environment


@pytest.fixture
def of_bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports a script of bench/, as it is imported when another one of them runs."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    return importlib.import_module


class Clock:
    """A time that passes only when something is timed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def steps(self, per_step: float, beside: float = 0.0) -> Callable[[int], float]:
        def timed(steps: int) -> float:
            self.now += beside + per_step * steps
            return per_step * steps

        return timed


def test_steps_fill_a_round_on_a_quick_and_on_a_slow_processor(
    of_bench: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, clock = of_bench("measure"), Clock(monkeypatch)

    def steps(slowness: float, seconds: float = 10.0) -> int:
        ways = [clock.steps(0.01 * slowness), clock.steps(0.03 * slowness, beside=2.0)]
        # The probes: each way twice with five steps.
        end = clock.now + 2 * seconds + 10 * 0.04 * slowness + 4
        asked = {"rounds": 2, "end": end, "fewest": 5, "most": 300}
        return int(measure.calibrated(ways, **asked))

    assert steps(1) in (199, 200)  # (10 - 2) / (0.01 + 0.03)
    assert steps(10) in (19, 20)
    assert steps(0.1) == 300
    assert steps(1000) == 5
    assert steps(1, seconds=1) == 5


def test_rounds_end_in_time_and_one_always_counts(
    of_bench: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, clock = of_bench("measure"), Clock(monkeypatch)
    ways = {"a": lambda: clock.steps(1.0)(1), "b": lambda: clock.steps(3.0)(1)}

    def rounds(budget: float, **asked: Any) -> int:
        found = measure.interleaved(ways, rounds=7, end=clock.now + budget, **asked)
        assert {*map(len, found.values())} == {len(found["b"])}
        return len(found["b"])

    assert rounds(0) == 1
    assert rounds(19.9) == 3  # four seconds each, and one that warms up
    assert rounds(20) == 4
    assert rounds(20, warm_up=False) == 5
    assert rounds(1000) == 7


def test_points_between_the_ends_are_left_out_in_time_and_said_to_be(
    of_bench: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    growth, clock = of_bench("growth"), Clock(monkeypatch)
    points = {n: {"fit": lambda n=n: clock.steps(float(n))(1)} for n in (1, 2, 4, 8, 16)}
    assert [*growth.visited(points, 1, clock.now + 1000)] == [1, 2, 4, 8, 16]
    assert "left out" not in capsys.readouterr().out
    assert [*growth.visited(points, 1, clock.now + 36)] == [1, 2, 4, 16]
    assert "--budget: 8\n" in capsys.readouterr().out
    assert [*growth.visited(points, 1, clock.now)] == [1, 16]


@pytest.mark.parametrize(
    ("flags", "names", "expected"),
    [
        ({"avx2", "avx512f", "avx512_bf16"}, "AVX2 AVX-512 avx512_bf16", ["fp32", "bf16"]),
        ({"avx2"}, "AVX2", ["fp32"]),
        ({"asimd", "sve", "bf16"}, "asimd sve bf16", ["fp32", "bf16"]),
        (set(), "instruction sets unknown", ["fp32"]),
    ],
)
def test_a_table_says_what_the_processor_has_and_bf16_is_left_out_without_it(
    flags: set[str],
    names: str,
    expected: list[str],
    of_bench: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "processor_flags", lambda: frozenset(flags))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert [*of_bench("peaks").precisions()] == expected
    line = of_bench("measure").caption("3 threads")
    assert f"; {names} (torch: {torch.backends.cpu.get_cpu_capability()}" in line
    assert f"bf16 {'used' if 'bf16' in expected else 'left out'}; " in line
    assert f"cores, 3 threads; python {environment.versions()['python']}, torch " in line
    assert "; commit " in line and "; load " in line

    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert [*of_bench("peaks").precisions()] == ["fp32"]
    line = of_bench("measure").caption("3 threads")
    assert "limited by ONEDNN_MAX_CPU_ISA=AVX2" in line and "bf16 left out" in line


def test_work_of_a_layer_equals_a_count_by_hand(of_bench: Callable[[str], Any]) -> None:
    work = of_bench("work")
    layer, x = nn.Linear(100, 50), torch.rand(8, 100)
    with torch.no_grad():
        forward = work.of(lambda: layer(x))
    assert forward.flop == 2 * 8 * 100 * 50
    assert forward.bytes == 4 * (8 * 100 + 100 * 50 + 50 + 8 * 50)
    y = layer(x)
    (weight, _), given = layer.parameters(), torch.ones_like(y)
    backward = work.of(lambda: torch.autograd.grad(y, weight, given))
    assert backward.flop == 2 * 8 * 100 * 50
    assert backward.bytes == 4 * (8 * 100 + 8 * 50 + 100 * 50)
    # In place: read and written. Rows of a table: as many as are picked.
    assert work.of(lambda: x.relu_()).bytes == 2 * 4 * 8 * 100
    rows = torch.tensor([1, 2])
    assert work.of(lambda: x[rows]).bytes == 2 * 4 * 2 * 100


def test_the_roof_is_the_longer_of_products_and_memory(of_bench: Callable[[str], Any]) -> None:
    work = of_bench("work").Work(flop=100.0, bytes=20.0)
    assert work.intensity == 5
    assert work.least_seconds(peak=0.1, copying=1.0) == 20
    assert work.least_seconds(peak=0.3, copying=1.0) == pytest.approx(30)


def test_every_pass_of_conv_is_measured_and_none_that_a_step_does_not_need(
    of_bench: Callable[[str], Any],
) -> None:
    from vae_lab.cli.jobs import compose_jobs
    from vae_lab.config.resolve import resolved

    (job,) = compose_jobs(["model=conv", "optimizer=adam", "latent_dim=3", "model.channels=[4,8]"])
    images = torch.zeros(8, 1, 28, 28, dtype=torch.uint8)
    passes = of_bench("layers").passes(resolved(job.config), images, bf16=False)
    parts = {part for part, _ in passes}
    assert {"Conv2d 1 to 4", "Conv2d 4 to 8", "Linear 392 to 6", "losses", "Adam"} <= parts
    assert ("Conv2d 4 to 8", "backward, input") in passes
    assert ("Conv2d 1 to 4", "backward, weights") in passes
    assert ("Conv2d 1 to 4", "backward, input") not in passes
    # All passes of the layers together are the products of a step.
    found = sum(of_bench("work").of(call).flop for call in passes.values())
    inner = 4 * 16 * 8 * 7 * 7 * 2  # each of the two wide convolutions: D, patch, D, H, W
    outer = 4 * 16 * 14 * 14 * 2
    linear = 2 * 392 * (6 + 3)
    assert found == 8 * (3 * 2 * inner + (2 + 3) * outer + 3 * linear)


def test_a_trick_computes_the_same_function(of_bench: Callable[[str], Any]) -> None:
    torch.manual_seed(0)
    tricks = of_bench("tricks").of_layers(bf16=False)
    assert len(tricks) == 5
    for trick in tricks:
        # The output, and the gradient of what goes in.
        ways = []
        for way in (trick.without, trick.with_it):
            asks = [one for one in way.inputs if one.requires_grad]
            out = way.forward()
            ways.append((out.detach(), *torch.autograd.grad(out.square().mean(), asks)))
        for without, with_it in zip(*ways, strict=True):
            size = without.abs().max().item()
            torch.testing.assert_close(with_it, without, rtol=1e-6, atol=1e-6 * size)


def test_a_line_is_timed_and_the_process_ended(of_bench: Callable[[str], Any]) -> None:
    startup = of_bench("startup")
    begin = time.perf_counter()
    talks = [sys.executable, "-uc", "import time; print('ready'); time.sleep(600)"]
    assert 0 < startup.first_line(talks) <= time.perf_counter() - begin
    with pytest.raises(AssertionError):
        startup.first_line([sys.executable, "-c", ""])
