"""What explains the files of a dataset: licence, attribution, Table Schema, checksums, manifest. From `exports.publishing`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geoplatform
from exports.datasets import Dataset
from exports.formats import FORMATS
from geoplatform.cql2 import Type
from geoplatform.model import Licence
from geoplatform.store.cutting import Moment
from geoplatform.store.diffs import Diff
from geoplatform.store.releases import ReleasedFile

_PAPER = "paper"
_MARKDOWN, _PLAIN, _JSON = "text/markdown; charset=utf-8", "text/plain; charset=utf-8", "application/json"
_TYPES = {Type.STRING: "string", Type.INTEGER: "integer", Type.NUMBER: "number", Type.DATE: "date"}
_PROFILE = "https://datapackage.org/profiles/2.0"
_TITLES = {
    Licence.CC_BY_NC_SA: "Creative Commons Attribution – Pas d’utilisation commerciale – Partage dans les mêmes conditions 4.0",
    Licence.ODBL: "Open Database License (ODbL) 1.0",
    Licence.ETALAB: "Licence Ouverte / Open Licence version 2.0",
    Licence.CC_BY_SA: "Creative Commons Attribution – Partage dans les mêmes conditions 4.0",
    Licence.CC0: "Creative Commons Zero 1.0 Universel",
}
#: What no file of places holds, said in each manifest and checked by tests/exports/test_publish.py on every file.
LEFT_OUT = (
    "lieux dont la licence est display-only",
    "lieux en brouillon, masqués, privés ou supprimés",
    "position, adresse et distance des lieux montrés à la commune seulement",
    "comptes, pseudonymes, adresses électroniques, adresses IP et clés de celles et ceux qui contribuent",
    "numéros d’ordre et heures des contributions : les dates et les identifiants ne disent que le jour",
)


def write(
    folder: Path,
    dataset: Dataset,
    release: str,
    of: Moment,
    files: Sequence[ReleasedFile],
    states: Sequence[Diff],
    summed: Any,
    *,
    remains_of: str | None = None,
) -> list[ReleasedFile]:
    """The papers, in the dataset's folder, the manifest last. `states`: that its files' chains
    have come to; `summed`: tells size and SHA-256 of a file;
    `remains_of`: the release of which this is what remains."""
    licences = sorted({file.licence for file in files if file.licence})
    papers: list[ReleasedFile] = []

    def add(name: str, media_type: str, content: str) -> None:
        path = folder / name
        path.write_text(content, encoding="utf-8")
        papers.append(ReleasedFile(name, _PAPER, media_type, None, None, *summed(path)))

    add("LICENSE", _PLAIN, _licence(licences, files))
    add("ATTRIBUTION.md", _MARKDOWN, _attribution(dataset, of))
    add("datapackage.json", _JSON, _spelled(_package(dataset, release, of, files)))
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in sorted([*files, *papers], key=lambda file: file.name))
    add("SHA256SUMS", _PLAIN, sums)
    add("manifest.json", _JSON, _spelled(_manifest(dataset, release, of, [*files, *papers], states, remains_of)))
    return papers


def _spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _licence(licences: Sequence[str], files: Sequence[ReleasedFile]) -> str:
    parts = ["Chaque fichier porte une seule licence.\n"]
    for licence in licences:
        names = "".join(f"  {file.name}\n" for file in files if file.licence == licence)
        parts.append(f"{_title(licence)} ({licence})\n{_url(licence) or ''}\n{names}")
    return "\n".join(parts)


def _title(licence: str) -> str:
    return _TITLES[Licence(licence)] if licence in _TITLES else licence


def _url(licence: str) -> str | None:
    return Licence(licence).url if licence in _TITLES else None


def _attribution(dataset: Dataset, of: Moment) -> str:
    vintage = of.vintage
    day = of.at.date().isoformat()
    lines = [
        f"# {dataset.title}",
        "",
        f"Données du {day}.",
        "",
        f"- Limites administratives : {vintage.attribution} — {vintage.edition} ; en vigueur au "
        f"{vintage.effective_on.isoformat()} ({vintage.licence}).",
    ]
    if dataset.holds_points:
        lines.append(
            f"- Lieux : contributrices et contributeurs de geoplatform, registres publics nommés par `source_name`, {day}."
        )
    return "\n".join(lines) + "\n"


def _package(dataset: Dataset, release: str, of: Moment, files: Sequence[ReleasedFile]) -> dict[str, Any]:
    """Data Package v2 with a Table Schema for what is a table."""
    fields = [_field(field.name, _TYPES[field.type], field.meaning) for field in dataset.fields]
    if dataset.holds_points:
        fields += [
            _field("longitude", "number", "Longitude, degrés, WGS 84."),
            _field("latitude", "number", "Latitude, degrés, WGS 84."),
        ]
    resources = []
    for file in files:
        resource: dict[str, Any] = {
            "name": file.name.lower().replace(".", "-"),
            "path": file.name,
            "format": "csv" if file.format == "excel" else file.format,
            "mediatype": file.media_type.partition(";")[0],
            "bytes": file.bytes,
            "hash": f"sha256:{file.sha256}",
            "licenses": [_named(file.licence)] if file.licence else [],
        }
        if file.format in ("csv", "excel"):
            decimal = "," if file.format == "excel" else "."
            numbers = {"decimalChar": decimal} if decimal != "." else {}
            told = [field | numbers if field["type"] == "number" else field for field in fields]
            resource |= {
                "profile": "tabular-data-resource",
                "type": "table",
                "encoding": "utf-8",
                "dialect": {"delimiter": ";" if file.format == "excel" else ",", "lineTerminator": "\r\n"},
                "schema": {
                    "$schema": f"{_PROFILE}/tableschema.json",
                    "fields": told,
                    "missingValues": [""],
                    "primaryKey": [fields[0]["name"]],
                },
            }
        resources.append(resource)
    return {
        "$schema": f"{_PROFILE}/datapackage.json",
        "name": dataset.name.lower(),
        "title": dataset.title,
        "version": release,
        "created": of.at.isoformat(timespec="seconds"),
        "licenses": [_named(licence) for licence in sorted({file.licence for file in files if file.licence})],
        "sources": [{"title": of.vintage.attribution, "version": of.vintage.edition}],
        "resources": resources,
    }


def _field(name: str, kind: str, meaning: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "description": meaning}


def _named(licence: str) -> dict[str, str]:
    """A licence as Data Package tells it."""
    path = _url(licence)
    return {"name": licence, "title": _title(licence)} | ({"path": path} if path else {})


def _manifest(
    dataset: Dataset,
    release: str,
    of: Moment,
    files: Sequence[ReleasedFile],
    states: Sequence[Diff],
    remains_of: str | None,
) -> dict[str, Any]:
    scope = dataset.scope
    return {
        "dataset": dataset.name,
        "release": release,
        "title": dataset.title,
        "remains_of": remains_of,
        "scope": None if scope is None else {"level": scope.level, "code": scope.code, "name": scope.name},
        "cut_at": of.at.isoformat(timespec="seconds"),
        "changed_at": of.changed_at.isoformat(timespec="seconds"),
        "change_seq": of.change_seq,
        "vintage": {
            "year": of.vintage.year,
            "effective_on": of.vintage.effective_on.isoformat(),
            "edition": of.vintage.edition,
            "attribution": of.vintage.attribution,
            "licence": of.vintage.licence,
        },
        "program": {"name": "geoplatform", "version": geoplatform.__version__},
        "formats": {
            name: FORMATS[name].title for name in dict.fromkeys(file.format for file in files) if name in FORMATS
        },
        "states": [
            {"chain": one.chain, "seq": one.seq, "sha256": one.to_sha256, "rows": one.to_rows} for one in states
        ],
        "left_out": list(LEFT_OUT) if dataset.holds_points else [],
        "files": [asdict(file) for file in files],
    }
