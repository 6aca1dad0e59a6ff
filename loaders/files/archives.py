"""Archives opened in place: .zip, .7z, .gz. From `loaders.files.layers`; unpacks what can be read, within limits."""

from __future__ import annotations

import gzip
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

import py7zr
from py7zr.exceptions import ArchiveError

from geoplatform.errors import BadSource

READABLE = (".shp", ".gpkg", ".geojson", ".json", ".geojsonl", ".geojsons", ".fgb")
_COMPANIONS = (".dbf", ".shx", ".prj", ".cpg")
_ARCHIVES = (".zip", ".7z", ".gz", ".tar", ".tgz", ".rar", ".bz2", ".xz")
#: ADMIN EXPRESS COG, the largest edition known, unpacks to 2.5 GB in 400 members, at a ratio of 5.
MOST_BYTES = 12 << 30
MOST_MEMBERS = 20_000
HIGHEST_RATIO = 200
_SMALL = 64 << 20
_BLOCK = 1 << 20
_ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError)


def unpacked(path: Path, scratch: Path) -> list[tuple[str, Path]]:
    """(what to show, file) of each dataset in an archive, or of the file itself; unpacked below `scratch`.

    BadSource for what is damaged, encrypted, empty, too large, or holds only further archives.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        found = [
            (str(file), file)
            for file in sorted(path.rglob("*"))
            if _is_wanted(str(file)) and file.suffix.lower() in READABLE
        ]
        return _or_refuse(found, path, [file.name for file in path.iterdir()])
    if suffix == ".zip":
        return _unpacked_zip(path, scratch)
    if suffix == ".7z":
        return _unpacked_7z(path, scratch)
    if suffix == ".gz":
        return [(str(path), _unpacked_gz(path, scratch))]
    if suffix in _ARCHIVES:
        raise BadSource(
            f"{path} is an archive that is not read: unpack it first (.zip, .7z and .gz are)", file=str(path)
        )
    return [(str(path), path)]


def _unpacked_zip(path: Path, scratch: Path) -> list[tuple[str, Path]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            wanted = [info for info in members if _is_wanted(info.filename)]
            _refuse_bombs(path, scratch, len(members), sum(info.file_size for info in wanted))
            for info in wanted:
                if info.flag_bits & 1:
                    raise BadSource(f"{path}: {info.filename} is encrypted", file=str(path))
                with archive.open(info) as packed:
                    _copied(packed, _target(path, scratch, info.filename), f"{path}/{info.filename}", MOST_BYTES)
    except _ZIP_DAMAGE as error:
        raise BadSource(f"{path} is a damaged or truncated zip: {error}", file=str(path)) from error
    return _found(path, scratch, [info.filename for info in members])


def _unpacked_7z(path: Path, scratch: Path) -> list[tuple[str, Path]]:
    try:
        with py7zr.SevenZipFile(path) as archive:
            if archive.needs_password():
                raise BadSource(f"{path} is encrypted", file=str(path))
            members = [info for info in archive.list() if not info.is_directory]
            wanted = [info for info in members if _is_wanted(info.filename)]
            _refuse_bombs(path, scratch, len(members), sum(info.uncompressed for info in wanted))
            for info in wanted:
                _target(path, scratch, info.filename)
            if wanted:
                archive.extract(scratch, targets=[info.filename for info in wanted])
    except (ArchiveError, py7zr.Bad7zFile, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise BadSource(f"{path} cannot be unpacked into {scratch}: {error.strerror}", file=str(path)) from error
        raise BadSource(f"{path} is a damaged or truncated 7z: {error}", file=str(path)) from error
    return _found(path, scratch, [info.filename for info in members])


def _unpacked_gz(path: Path, scratch: Path) -> Path:
    target = scratch / path.stem
    try:
        with gzip.open(path) as packed:
            _copied(packed, target, str(path), min(MOST_BYTES, max(_SMALL, HIGHEST_RATIO * path.stat().st_size)))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadSource(f"{path} is damaged or truncated: {error}", file=str(path)) from error
    return target


def _copied(packed: IO[bytes] | gzip.GzipFile, target: Path, shown: str, most: int) -> None:
    limit = most
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as plain:
            while block := packed.read(_BLOCK):
                limit -= len(block)
                if limit < 0:
                    target.unlink()
                    raise BadSource(f"{shown} unpacks to more than {most} bytes: that is no data", file=shown)
                plain.write(block)
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        raise BadSource(f"{shown} cannot be unpacked to {target}: {error.strerror}", file=shown) from error


def _refuse_bombs(path: Path, scratch: Path, members: int, size: int) -> None:
    if members > MOST_MEMBERS:
        raise BadSource(f"{path} holds {members} members, more than {MOST_MEMBERS}", file=str(path))
    packed = path.stat().st_size
    if size > MOST_BYTES or (size > _SMALL and size > HIGHEST_RATIO * packed):
        raise BadSource(f"{path} ({packed} bytes) would unpack to {size} bytes: that is no data", file=str(path))
    free = shutil.disk_usage(scratch).free
    if size > free:
        raise BadSource(f"{path} would unpack to {size} bytes in {scratch}, where {free} are free", file=str(path))


def _target(path: Path, scratch: Path, member: str) -> Path:
    name = PurePosixPath(member)
    if name.is_absolute() or ".." in name.parts or "\\" in member:
        raise BadSource(f"{path}: the member {member!r} points out of the archive", file=str(path))
    return scratch.joinpath(*name.parts)


def _is_wanted(member: str) -> bool:
    name = PurePosixPath(member)
    return name.suffix.lower() in READABLE + _COMPANIONS and "__MACOSX" not in member and not name.name.startswith("._")


def _found(path: Path, scratch: Path, members: list[str]) -> list[tuple[str, Path]]:
    found = [
        (f"{path}/{member}", scratch.joinpath(*PurePosixPath(member).parts))
        for member in sorted(members)
        if PurePosixPath(member).suffix.lower() in READABLE and _is_wanted(member)
    ]
    return _or_refuse(found, path, members)


def _or_refuse(found: list[tuple[str, Path]], path: Path, members: list[str]) -> list[tuple[str, Path]]:
    if found:
        return found
    nested = [member for member in members if PurePosixPath(member).suffix.lower() in _ARCHIVES]
    if nested:
        raise BadSource(f"{path} holds another archive, {nested[0]}: unpack it first", file=str(path))
    told = ", ".join(members[:5]) or "nothing"
    raise BadSource(f"{path} holds no file that can be read ({', '.join(READABLE)}); it holds {told}", file=str(path))
