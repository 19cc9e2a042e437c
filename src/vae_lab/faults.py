"""What the disk refused, as one line: which path, and what helps."""

import errno
from pathlib import Path

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.ENAMETOOLONG: "choose a shorter folder or run_name",
    errno.EROFS: "choose a folder on another disk",
    errno.EACCES: "make it writable for you, or choose another folder",
    errno.EPERM: "make it writable for you, or choose another folder",
    errno.EIO: "look after the disk",
}

# What a run writes below its folder has paths this much longer at most, hidden parts included.
_LONGEST_INSIDE = 80


def explained(error: BaseException, folder: Path) -> str:
    """Returns an error in words; for what the disk refused, the path and the remedy."""
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        return f"{error}" or type(error).__name__
    path = error.filename or folder
    return f"cannot write {path}: {error.strerror}. Remedy: {_REMEDIES[error.errno]}."


def too_long(folder: Path) -> str | None:
    """Returns why the folder's path leaves no room for a run's files, None where it does."""
    path = str(folder.absolute())
    # Linux: 4,096 bytes a path and 255 a name; no system that is used here allows more.
    if len(path.encode()) + _LONGEST_INSIDE > 4096:
        return f"its path has {len(path)} characters"
    name = max(folder.parts, key=lambda part: len(part.encode()), default="")
    if len(name.encode()) > 255:
        return f"a name in it has {len(name)} characters"
    return None
