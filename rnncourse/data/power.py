"""Household power, minute by minute: found, fetched, checked and loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnncourse.data.archives import read_plain, read_xz, read_zip
from rnncourse.data.downloads import Progress, download, file_hash
from rnncourse.data.errors import DataError
from rnncourse.data.folders import cache_folder, required
from rnncourse.data.missing import GapReport, gaps
from rnncourse.data.power_format import COLUMNS, parse_power
from rnncourse.data.registry import POWER, Fingerprint
from rnncourse.data.series import Series

MEMBER = "household_power_consumption.txt"
_READERS: dict[str, Callable[[Path], bytes]] = {
    ".txt": read_plain,
    ".xz": read_xz,
    ".zip": lambda path: read_zip(path, MEMBER),
}


@dataclass(frozen=True, eq=False)
class PowerCheck:
    """What a power file was found to be.

    Attributes:
        path: the file.
        fingerprint: the known content that it has.
        gaps: what is missing in it.
    """

    path: Path
    fingerprint: Fingerprint
    gaps: GapReport


def load_power(*columns: str, path: Path | None = None) -> Series:
    """The minutes of household power, gaps left as they are.

    Args:
        columns: columns to keep, in that order; without any, ``Global_active_power`` alone.
        path: a file in the official format, as ``.txt``, as the official ``.zip`` or as ``.xz``; without it, the
            file below ``RNNCOURSE_DATA``, else the fetched one.

    Returns:
        A series ``(minutes, len(columns))``; ``Global_active_power`` is in kW. NaN where the meter said nothing.

    Raises:
        DataError: there is no such file, or it is damaged or malformed.

    Source: Hebrail & Berard (2012), UCI data set 235.
    """
    file = required(POWER) if path is None else path
    series = parse_power(_content(file), name=f"household power ({file.name})")
    return series.select(*(columns or COLUMNS[:1]))


def check_power(path: Path) -> PowerCheck:
    """Read a power file and compare it with the known contents.

    No checksum of the official archive is known to this package, because its server packs it anew. So the content
    is what counts: the name of the archive's only member, the header, the number of rows, the first and the last
    time stamp. The half year of 2007 has a known checksum.

    Args:
        path: a file in the official format.

    Returns:
        What it is and what is missing in it.

    Raises:
        DataError: it is damaged or malformed, its checksum is another, or its content is none of the known ones.
    """
    known = POWER.sha256.get(path.name)
    if known is not None and file_hash(path) != known:
        raise DataError(f"{path.name} does not have the SHA-256 {known}: it is damaged or another version.")
    fingerprint, series = _identify(_content(path), path.name)
    return PowerCheck(path, fingerprint, gaps(series))


def _content(path: Path) -> bytes:
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise DataError(f"{path.name} must end in {', '.join(_READERS)}: other formats are not read.")
    return reader(path)


def _identify(content: bytes, name: str) -> tuple[Fingerprint, Series]:
    series = parse_power(content, name=name)
    rows = content.count(b"\n") - content.endswith(b"\n")  # the header is no row
    first, last = series.start, series.times[-1]
    for known in POWER.fingerprints:
        if (rows, first, last) == (known.rows, np.datetime64(known.first), np.datetime64(known.last)):
            return known, series
    expected = " or ".join(f"{known.rows:,} ({known.first} to {known.last})" for known in POWER.fingerprints)
    raise DataError(f"{name} has {rows:,} rows ({first} to {last}), but {expected} are expected: it is cut or altered.")


def fetch_power(
    *,
    url: str = POWER.source,
    sha256: str | None = None,
    retries: int = 3,
    progress: Progress = lambda have, total: None,
) -> Path:
    """Fetch the official archive into the cache, unless a whole one is there.

    Args:
        url: address of the archive or of a mirror.
        sha256: checksum that the archive must have, if you know one.
        retries: how often to try again after a broken transfer.
        progress: told the bytes at hand and the bytes expected, if the server says so.

    Returns:
        The archive, verified by `check_power`.

    Raises:
        DataError: as for `download` and `check_power`. A damaged or wrong archive never takes the file's name.
    """
    path = cache_folder() / POWER.files[0]

    def verify(part: Path) -> None:
        _identify(read_zip(part, MEMBER), path.name)

    if path.is_file():
        try:
            verify(path)
        except DataError:
            path.unlink()
    return download(url, path, verify=verify, sha256=sha256, retries=retries, progress=progress)
