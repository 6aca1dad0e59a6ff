"""A citizen's archive as a file: a zip that people and programs can read, and read again. From the web.

`archive.json` holds everything, `places.geojson` the places as the public schema has them, `LISEZMOI.txt` says what it is.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import lzma
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from geoplatform.errors import BadBody, BadParameter, BadPlace
from geoplatform.model import Submission
from geoplatform.reading import Reading
from geoplatform.refusals import Refusal

FORMAT, VERSION = "geoplatform-archive", 1
#: Bytes of an archive that is taken in, packed and unpacked.
LARGEST, LARGEST_INSIDE = 8 << 20, 64 << 20
_LISTS = ("places", "appreciations", "participations", "consents", "follows", "matters", "decisions")
_CONTENT = (
    "kind", "category", "name", "description", "address", "phone", "website", "opening_hours", "stage", "starts_on", "ends_on",
    "licence", "visibility",
)  # fmt: skip
_DOCUMENT = "archive.json"
#: What a zip raises that is none, or was cut or altered.
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError)
_MOST_VERSIONS = 1 << 30
_LANGUAGES = ["fr", "en"]
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_ABOUT = """\
Ce dossier contient tout ce que la carte garde de vous. / This folder holds everything that the map keeps of you.

archive.json    tout, dans un format documenté (docs/citizens.md) ; une autre carte peut le reprendre
                everything, in a documented format; another map can take it in
places.geojson  vos lieux, à ouvrir dans QGIS ou geojson.io / your places, to be opened in QGIS or geojson.io
"""


def packed(told: dict[str, Any]) -> bytes:
    """The zip of a document as `citizens.archive` gives it."""
    features = [
        {
            "type": "Feature",
            "id": place["id"],
            "geometry": {"type": "Point", "coordinates": [place["lon"], place["lat"]]},
            "properties": {name: place[name] for name in (*_CONTENT, "status", "version", "created_at", "modified_at")},
        }
        for place in told["places"]
    ]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("LISEZMOI.txt", _ABOUT)
        archive.writestr(_DOCUMENT, _spelled(told))
        archive.writestr("places.geojson", _spelled({"type": "FeatureCollection", "features": features}))
    return buffer.getvalue()


def _spelled(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def unpacked(data: bytes) -> dict[str, Any]:
    """The document in a zip, checked member by member. BadBody names what is wrong, and where."""
    document = _document(data)
    if not isinstance(document, dict) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
        raise _wrong(_DOCUMENT, None, "not_this_format", format=FORMAT, version=VERSION)
    for name in _LISTS:
        rows = document.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _wrong(name, None, "not_objects")
    problems: list[BadParameter] = []
    for where, value in _moments(document):
        problems += _of_moment(where, value)
    told = document.get("citizen")
    citizen = Reading(told if isinstance(told, dict) else {}, "citizen.")
    citizen.name("display_name", 80, required=True)
    if citizen.properties.get("language") not in _LANGUAGES:
        citizen.refuse("language", citizen.properties.get("language"), "not_one_of", allowed=_LANGUAGES)
    problems += citizen.problems
    if isinstance(told, dict) and citizen.properties.get("display_name"):
        told["display_name"] = str(told["display_name"]).strip()
    for number, place in enumerate(document["places"]):
        versions = place.get("versions")
        if not isinstance(versions, list) or not all(isinstance(version, dict) for version in versions):
            raise _wrong(f"places[{number}].versions", None, "not_objects")
        newest, authored = place.get("version"), place.get("authored")
        if type(newest) is not int or not 0 < newest < _MOST_VERSIONS:
            raise _wrong(f"places[{number}].version", str(newest)[:40], "not_a_version")
        if not isinstance(authored, list) or not all(type(one) is int and 0 < one <= newest for one in authored):
            raise _wrong(f"places[{number}].authored", None, "not_versions", newest=newest)
        if not all(type(one.get("version")) is int and 0 < one["version"] < newest for one in versions):
            raise _wrong(f"places[{number}].versions", None, "not_earlier", newest=newest)
        problems += _of_place(place, f"places[{number}]")
        for index, version in enumerate(versions):
            version["id"] = place.get("id")
            problems += _of_place(version, f"places[{number}].versions[{index}]")
    if problems:
        raise BadBody(problems[:20])
    return document


def _of_place(place: dict[str, Any], where: str) -> list[BadParameter]:
    """What is wrong with a place or a version of one."""
    feature = {
        "type": "Feature",
        "id": place.get("id"),
        "geometry": {"type": "Point", "coordinates": [place.get("lon"), place.get("lat")]},
        "properties": {name: place.get(name) for name in _CONTENT},
    }
    problems = []
    try:
        read = Submission.from_feature(feature, uuid.UUID(int=0), may_be_private=True)
        place.update({name: _plain(getattr(read, name)) for name in _CONTENT})  # as it was checked
        place.update(lon=read.position.lon, lat=read.position.lat)
        if place.get("id") is None:
            problems.append(BadParameter("id", None, Refusal("required")))
    except BadPlace as wrong:
        problems += wrong.problems
    return [BadParameter(f"{where}.{one.parameter}", one.value, one.reason) for one in problems]


def _plain(value: Any) -> Any:
    return value if value is None else str(value)


#: Members that tell a moment or a day, by list; each must be one, where it is there.
_WHEN = {
    "places": ("created_at", "modified_at"),
    "versions": ("valid_from", "valid_to"),
    "appreciations": ("since",),
    "participations": ("asked_at", "since", "until"),
    "consents": ("occurred_at",),
    "follows": ("since",),
    "matters": ("opened_at",),
    "decisions": ("decided_at",),
}


def _moments(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _LISTS:
        for number, row in enumerate(document[name]):
            yield from ((f"{name}[{number}].{member}", row.get(member)) for member in _WHEN[name])
            for index, version in enumerate(row.get("versions") or () if name == "places" else ()):
                if isinstance(version, dict):
                    where = f"{name}[{number}].versions[{index}]"
                    yield from ((f"{where}.{member}", version.get(member)) for member in _WHEN["versions"])


def _of_moment(where: str, value: Any) -> list[BadParameter]:
    if value is None:
        return []
    try:
        year = dt.datetime.fromisoformat(value).year if isinstance(value, str) else 0
    except ValueError:
        year = 0
    is_one = _FIRST_YEAR <= year <= _LAST_YEAR
    return [] if is_one else [BadParameter(where, str(value)[:40], Refusal("not_a_moment"))]


def _document(data: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = archive.getinfo(_DOCUMENT)
            if inside.file_size > LARGEST_INSIDE:
                raise _wrong(_DOCUMENT, inside.file_size, "too_many_bytes", limit=LARGEST_INSIDE)
            with archive.open(inside) as file:
                text = file.read(LARGEST_INSIDE + 1)
    except KeyError as error:
        raise _wrong("body", None, "lacks_file", file=_DOCUMENT) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise _wrong("body", None, "not_a_zip", why=str(error)) from error
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError among them
        raise _wrong(_DOCUMENT, None, "not_json", why=str(error)) from error


def _refuse_constant(name: str) -> Any:
    raise _wrong(_DOCUMENT, name, "not_in_json", given=name)


def _wrong(where: str, value: object, code: str, **facts: object) -> BadBody:
    return BadBody([BadParameter(where, value, Refusal(code, **facts))])
