"""One run in two processes: the numbers of one process, everything written once."""

import subprocess
from pathlib import Path

import pytest
import torch
from command import QUICK, command, environment
from killable import curves
from runs import run_job
from stripes import small_config, write_conf

from vae_lab.data.batches import Batches, Shard
from vae_lab.errors import UserError
from vae_lab.run_folder import RunFolder
from vae_lab.training.resume_state import ResumePoint
from vae_lab.training.trainer import assemble


@pytest.mark.parametrize(("number", "left"), [(12, 12), (11, 10), (9, 8)])
def test_processes_share_each_batch(number: int, left: int) -> None:
    images = torch.arange(number, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    order = torch.randperm(number, generator=torch.Generator().manual_seed(0))
    whole = Batches(images, 4, lambda: order, None)
    for equal, count in ((True, left), (False, number)):
        shards = [Shard(whole, rank=rank, processes=2, equal=equal) for rank in range(2)]
        rows = [batch.index for shard in shards for batch in shard]
        assert sorted(torch.cat(rows).tolist()) == sorted(order[:count].tolist())
        if equal:
            assert [len(list(shard)) for shard in shards] == [len(shard) for shard in shards]
            for batch, *parts in zip(whole, *shards, strict=False):
                both = torch.stack([part.index for part in parts], dim=1).flatten()
                assert torch.equal(both, batch.index[: len(both)])


@pytest.mark.engines
def test_two_processes_give_the_bound_of_one_and_write_once(tmp_path: Path) -> None:
    quick = [*QUICK, "trainer.max_epochs=3", "callbacks=[progress,samples,histograms]"]
    config, choices = small_config(tmp_path / "one", *quick)
    single = run_job(config, choices, tmp_path / "one")
    write_conf(tmp_path / "conf")
    done = subprocess.run(
        command(*quick, "trainer=ddp", "hydra.run.dir=two"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = RunFolder(tmp_path / "two").require_result()
    # The same batches and noise: only the order of sums differs.
    for name, value in single.metrics.items():
        assert result.metrics[name] == pytest.approx(value, abs=0.01)
    assert result.data == single.data and result.epochs == 3
    assert done.stdout.count("epoch 3/3") == 1
    one, two = (curves(tmp_path / name) for name in ("one", "two"))
    assert {tag: [point[0] for point in points] for tag, points in one.items()} == {
        tag: [point[0] for point in points] for tag, points in two.items()
    }
    figures = [sorted(p.name for p in (tmp_path / n / "figures").iterdir()) for n in ("one", "two")]
    assert figures[0] == figures[1]
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("one", "two")] == ["conf"]


def test_a_batch_that_does_not_divide_is_named(tmp_path: Path) -> None:
    config, _ = small_config(tmp_path, *QUICK, "trainer=ddp", "data.batch_size=31")
    with pytest.raises(
        UserError, match=r"data\.batch_size=31 must be a multiple of the 2 processes"
    ):
        assemble(config, RunFolder(tmp_path), ResumePoint(None, 0, {}), trust=True)
