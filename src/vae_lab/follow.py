"""A process that takes part in the training of a run that another process leads. No torch."""

import os
from pathlib import Path

from vae_lab.errors import Stopped, print_error
from vae_lab.leader import RANK, TRUST


def follow(folder: Path) -> int:
    """Takes part in the training of a folder's run and returns the exit code.

    What goes wrong once all processes are connected is the leader's to tell: it sees that this one
    is gone. Lightning kills the leader where a process ends with another code than 0.
    """
    from torch import distributed

    from vae_lab.assemble import assemble
    from vae_lab.memory import find_start
    from vae_lab.recorded import read_run

    try:
        run = read_run(folder)
        start = find_start(folder, run.result["config_hash"])
        parts = assemble(run.config, folder, start, trust=os.environ[TRUST] == "1")
        parts.trainer.fit(parts.model, datamodule=parts.data, ckpt_path=start.checkpoint)
    except Stopped:
        return 0
    except Exception as error:
        if distributed.is_initialized():
            return 0
        print_error(f"process {os.environ[RANK]} of the run in {folder}: {error}")
        return 1
    return 0
