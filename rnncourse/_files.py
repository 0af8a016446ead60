"""Files that a person names: there whole or as they were, through links, with the modes that are there."""

import errno
import os
import secrets
import stat
from pathlib import Path


def target_of(path: Path) -> Path:
    """The file behind a name and its links: a regular one, or one that is yet to be made.

    Raises:
        OSError: something else has this name, such as a folder or a device; the file may not be written; or the folder
            is missing.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        target.parent.stat()
        return target
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
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
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
