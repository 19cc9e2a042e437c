"""What a process is told that takes part in a run which another one leads. No torch."""

import os
from pathlib import Path

# Said in the environment; the rank is Lightning's.
FOLDER, TRUST, RANK = "VAE_LAB_FOLLOW", "VAE_LAB_FOLLOW_TRUST", "LOCAL_RANK"


def leaders_folder() -> Path | None:
    """Returns the folder of the run that this process was started for, None where it leads."""
    if os.environ.get(RANK, "0") == "0" or FOLDER not in os.environ:
        return None
    return Path(os.environ[FOLDER])
