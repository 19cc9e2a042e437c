"""A hundred runs in one process: neither memory nor open files grow."""

import json
from pathlib import Path

import killable
import numpy as np
import pytest
from fault_counts import count, repeats
from stripes import small_config

pytestmark = pytest.mark.torture


def test_memory_and_open_files_do_not_grow(tmp_path: Path) -> None:
    config, choices = small_config(
        *(tmp_path / "conf", "trainer.max_epochs=2", "threads=1"),
        *("callbacks=[samples,latent_map,evolution]", "logger=[tensorboard,csv]"),
    )
    runs = repeats(100)
    killable.soak(config, choices, tmp_path, runs)
    seen = np.array(json.loads((tmp_path / "soak.json").read_text()))
    # The first runs fill caches.
    settled = seen[len(seen) // 2 :]
    slope = np.polyfit(np.arange(len(settled)), settled[:, 0], 1)[0]
    files = int(settled[-1, 1] - settled[0, 1])
    grown = f"{slope:+.1f} kB of memory a run, {files:+d} open files"
    count(f"runs in one process ({grown})", runs, int(slope > 100 or files > 0))
    assert slope < 100 and files <= 0, grown
