"""Files that a person names: there whole or as they were, through links, with the modes that are there."""

import errno
import os
import secrets
import shutil
from pathlib import Path


def target_of(path: Path) -> Path:
    """The regular file behind a name and its links, or one that is yet to be made; an `OSError` for anything else."""
    target = Path(os.path.realpath(path))
    if not target.is_file() and (os.path.lexists(target) or not target.parent.is_dir()):
        raise OSError(errno.EINVAL, "it is no regular file, or its folder is missing", str(path))
    return target


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a text or bytes in one step; a file that is there keeps its mode, a new one gets what the umask leaves.

    Raises:
        OSError: as `target_of`, or the folder cannot be written, or the disk is full.
    """
    target = target_of(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as stream:
            if target.exists():
                shutil.copymode(target, temporary)
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
