"""Files that are written in one step."""

import errno
import os
import stat
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole, or as it was before.

    A link keeps its target, a file keeps its mode, and what is no regular file is left alone.

    Raises:
        OSError: the disk is full, the folder is missing or cannot be written, or something else is there.
    """
    target = path.resolve()
    mode = target.stat().st_mode if target.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
