"""What `trainer.precision=auto` stands for, and how many threads a run takes."""

from pathlib import Path

import pytest
from runs import run_job

from vae_lab import environment
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config import resolve
from vae_lab.config.resolve import resolved
from vae_lab.environment import available_cores


def chosen(*overrides: str) -> str:
    (job,) = compose_jobs(list(overrides))
    return str(resolved(job.config)["trainer"]["precision"])


@pytest.mark.parametrize(
    ("has_bf16", "overrides", "expected"),
    [
        (True, ["model=conv"], "bf16-mixed"),
        (False, ["model=conv"], "32-true"),
        (True, ["model=linear"], "32-true"),
        (True, ["model=linear", "model.gains_from_bf16=true"], "bf16-mixed"),
        (True, ["model=conv", "trainer=gpu"], "32-true"),
        (True, ["model=conv", "optimizer=adam", "trainer.gradient_clip_val=1"], "32-true"),
        (True, ["model=conv", "trainer.gradient_clip_val=1"], "bf16-mixed"),
        (True, ["model=conv", "trainer.precision=32-true"], "32-true"),
        (False, ["model=conv", "trainer.precision=bf16-mixed"], "bf16-mixed"),
    ],
)
def test_auto_is_settled_by_model_and_processor(
    has_bf16: bool, overrides: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "processor_has_bf16", lambda: has_bf16)
    assert chosen(*overrides) == expected


def test_a_choice_says_why() -> None:
    (job,) = compose_jobs(["model=linear"])
    assert "model.gains_from_bf16" in resolve.choose(resolved(job.config))[1]


def test_threads_suit_the_model() -> None:
    def threads(*words: str) -> int:
        (job,) = compose_jobs(list(words))
        return int(resolved(job.config)["threads"])

    assert threads("model=linear") == 1
    assert threads("model=conv") == available_cores()
    assert threads("model=linear", "threads=3") == 3
    assert threads("model=linear", "threads=null") == available_cores()


@pytest.mark.golden
@pytest.mark.parametrize("latent_dim", [2, 10])
def test_bounds_of_a_run_in_bf16_stay_near_those_in_single_precision(
    latent_dim: int, tmp_path: Path
) -> None:
    found = {}
    for name in ("bf16-mixed", "32-true"):
        (job,) = compose_jobs(
            [
                *("model=conv", f"latent_dim={latent_dim}", "data=mnist_5k", "threads=1"),
                *("callbacks=none", "logger=none", "report=null", f"trainer.precision={name}"),
            ]
        )
        result = run_job(resolved(job.config), job.choices, tmp_path / name)
        found[name] = result.metrics["elbo/test"]
    assert found["bf16-mixed"] != found["32-true"]
    assert found["bf16-mixed"] == pytest.approx(found["32-true"], abs=0.3)


@pytest.mark.parametrize(
    ("flags", "allowed", "expected"),
    [
        ({"avx512f", "avx512_bf16"}, None, True),
        ({"avx512f", "avx512_bf16"}, "", True),
        ({"avx512f", "avx512_bf16"}, "AVX2", False),
        ({"amx_bf16"}, "avx512_core", False),
        ({"amx_bf16"}, "AVX512_CORE_AMX", True),
        ({"avx2"}, None, False),
        ({"asimd", "bf16"}, None, True),
    ],
)
def test_bf16_needs_instructions_that_torch_may_use(
    flags: set[str], allowed: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "processor_flags", lambda: frozenset(flags))
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    assert environment.processor_has_bf16() == (flags != {"avx2"})
    if allowed is not None:
        # The older name of the same limit counts too, the newer one first.
        monkeypatch.setenv("DNNL_MAX_CPU_ISA", allowed)
        assert environment.processor_has_bf16() == expected
        monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", allowed or "ALL")
    assert environment.processor_has_bf16() == expected


def test_auto_heeds_a_limit_of_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "processor_flags", lambda: frozenset({"avx512_bf16"}))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert chosen("model=conv") == "bf16-mixed"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert chosen("model=conv") == "32-true"
