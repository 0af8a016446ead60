"""Pack the built site and the handouts for travel: ``python -m tools.dist``, or ``make dist``.

Two archives and their checksums are written: the site, which opens from disk with no network, and the chapters as
notebooks with the package that they import. The same inputs give the same bytes, so a checksum can be compared.
"""

import hashlib
import io
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from book._ext.release import pinned_torch, release, wheel_name
from rnncourse._files import write_whole

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "dist"
LIMIT = 25 * 10**6  # bytes for both archives: what a slow connection fetches in minutes
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip archive can hold
SUMS = "SHA256SUMS"

READ_ME = """\
Recurrent networks, by the numbers: the chapters as notebooks.

student/    each exercise is a stub to fill in; its check answers with a hint
solutions/  the same with every solution, unless who made this withholds them

With Python 3.11 or newer:

    python -m venv env
    env/bin/pip install "{torch}" --extra-index-url https://download.pytorch.org/whl/cpu
    env/bin/pip install "{wheel}[book]" jupyterlab
    env/bin/jupyter lab

On Windows the programs lie in env\\Scripts.
"""


class Unpackable(RuntimeError):
    """What is to be packed is missing or too large."""


def files_below(folder: Path, name: str) -> dict[str, bytes]:
    """All files of a folder, by their path in the archive, under a first folder of that name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}


def pack(files: Mapping[str, bytes], target: Path) -> None:
    """Write a zip archive in one step; its bytes depend on names and contents alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name], compresslevel=9)
    write_whole(target, packed.getvalue())


def checksums(archives: Iterable[Path]) -> str:
    """Lines that ``sha256sum --check`` reads."""
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in archives)


def pack_site(site: Path, target: Path) -> Path:
    """Write the archive of a built site into a folder and return it; `Unpackable` if the site is not built."""
    _needs(site / "index.html")
    name = f"{release()}-site"
    pack(files_below(site, name), target / f"{name}.zip")
    return target / f"{name}.zip"


def pack_notebooks(site: Path, target: Path) -> Path:
    """Write the archive of the handouts, with the package that they import; `Unpackable` if the site has none."""
    _needs(site / "notebooks" / "student")
    _needs(site / "notebooks" / wheel_name())
    name = f"{release()}-notebooks"
    files = files_below(site / "notebooks", name)
    files[f"{name}/README.txt"] = READ_ME.format(torch=pinned_torch(), wheel=wheel_name()).encode()
    pack(files, target / f"{name}.zip")
    return target / f"{name}.zip"


def _needs(path: Path) -> None:
    if not path.exists():
        raise Unpackable(f"there is no {path.name} in {path.parent}: run `make book` first.")


def dist(site: Path, target: Path, *, limit: int = LIMIT) -> list[Path]:
    """Write both archives and their checksums.

    Args:
        site: folder of the built site, with its handouts and their package.
        target: folder for the archives.
        limit: largest size of both together, in bytes.

    Returns:
        The archives, then the file of their checksums.

    Raises:
        Unpackable: the site is not built, or the archives are larger than the limit.
    """
    archives = [pack_site(site, target), pack_notebooks(site, target)]
    size = sum(path.stat().st_size for path in archives)
    if size > limit:
        raise Unpackable(f"both archives together have {size:,} bytes, more than the {limit:,} allowed: make less.")
    sums = target / SUMS
    sums.write_text(checksums(archives), encoding="utf-8")
    return [*archives, sums]


def main() -> int:
    """Pack what ``make book`` left."""
    try:
        written = dist(SITE, TARGET)
    except Unpackable as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(f"{path.stat().st_size / 1e6:6.2f} MB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
