"""The catalogue in other words: DCAT-US 1.1 for Huwise and others, schema.org for search engines. From the views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from geoplatform.store.collections import Box
from geoplatform.store.releases import ReleasedFile
from geoplatform.web import context
from geoplatform.web.catalogue.entries import KINDS, NON_COMMERCIAL, Entry
from geoplatform.web.catalogue.graph import TITLE

_US = "https://project-open-data.cio.gov/v1.1/schema"


def data_json(entries: Sequence[Entry]) -> dict[str, Any]:
    """DCAT-US 1.1, without its `@context`, which some would download. A dataset has one box, around all of it."""
    return {
        "@id": context.absolute(url_for("catalogue.data_json")),
        "@type": "dcat:Catalog",
        "conformsTo": _US,
        "describedBy": f"{_US}/catalog.json",
        "dataset": [_data_json(entry) for entry in entries],
    }


def _data_json(entry: Entry) -> dict[str, Any]:
    settings, terms = context.settings(), entry.terms
    told = {
        "@type": "dcat:Dataset",
        "identifier": entry.uri,
        "title": entry.titles["fr"],
        "description": entry.descriptions["fr"],
        "keyword": entry.keywords,
        "modified": entry.release.cut_at.isoformat(timespec="seconds"),
        "publisher": {"@type": "org:Organization", "name": settings.publisher},
        "contactPoint": {"@type": "vcard:Contact", "fn": settings.publisher}
        | ({"hasEmail": f"mailto:{settings.contact}"} if settings.contact else {}),
        "accessLevel": "public",
        "rights": NON_COMMERCIAL["fr"] if entry.is_closed else None,
        "license": terms and terms.url,
        "landingPage": entry.page,
        "accrualPeriodicity": "R/P1D",
        "temporal": "/".join(day.isoformat() for day in entry.period),
        "spatial": entry.box and ",".join(map(str, _rounded(entry.box))),
        "language": ["fr-FR"],
        "describedBy": entry.address("datapackage.json"),
        "describedByType": "application/json",
        "distribution": [_distribution(entry, file) for file in entry.files],
    }
    return {name: value for name, value in told.items() if value is not None}


def _distribution(entry: Entry, file: ReleasedFile) -> dict[str, Any]:
    kind = KINDS.get(file.format)
    return {
        "@type": "dcat:Distribution",
        "title": kind.title if kind else file.format,
        "format": kind.label if kind else file.format,
        "mediaType": file.media_type.partition(";")[0],
        "downloadURL": entry.address(file.name),
    }


def schema_org(entries: Sequence[Entry], language: str) -> dict[str, Any]:
    """The datasets of a page as search engines read them."""
    return {"@context": "https://schema.org", "@graph": [_schema_org(entry, language) for entry in entries]}


def _schema_org(entry: Entry, language: str) -> dict[str, Any]:
    settings, terms, box = context.settings(), entry.terms, entry.box
    publisher = {"@type": "Organization", "name": settings.publisher, "url": context.absolute("/")}
    told = {
        "@type": "Dataset",
        "@id": entry.uri,
        "identifier": entry.uri,
        "url": entry.page,
        "name": entry.titles[language],
        "description": entry.descriptions[language][:5000],
        "keywords": entry.keywords,
        "version": entry.release.name,
        "dateModified": entry.release.cut_at.isoformat(timespec="seconds"),
        "temporalCoverage": "/".join(day.isoformat() for day in entry.period),
        "license": terms and terms.url,
        "usageInfo": NON_COMMERCIAL[language] if entry.is_closed else None,
        "isAccessibleForFree": True,
        "creator": publisher,
        "publisher": publisher,
        "spatialCoverage": box and {"@type": "Place", "name": entry.release.scope_name or "France",
                                    "geo": {"@type": "GeoShape", "box": "{1} {0} {3} {2}".format(*_rounded(box))}},
        "includedInDataCatalog": {"@type": "DataCatalog", "name": TITLE[language],
                                  "url": context.absolute(url_for("catalogue.negotiated"))},
        "distribution": [
            {
                "@type": "DataDownload",
                "name": KINDS[file.format].title if file.format in KINDS else file.format,
                "encodingFormat": file.media_type,
                "contentUrl": entry.address(file.name),
                "contentSize": f"{file.bytes} B",
                "sha256": file.sha256,
            }
            for file in entry.files
        ],
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _rounded(box: Box) -> list[float]:
    return [round(side, 5) for side in box]
