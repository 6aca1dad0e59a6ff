"""What the catalogue tells of: one entry per dataset of the register and licence, in French and English. From its other modules.

Portals take one licence a dataset, and a release of places has several: so each licence is a dataset of its own here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flask import url_for
from sqlalchemy import Connection

from geoplatform.model import Licence
from geoplatform.store import collections
from geoplatform.store.collections import Box
from geoplatform.store.releases import Release, ReleasedFile
from geoplatform.web import context

_PAPER = "paper"
_IANA = "https://www.iana.org/assignments/media-types/"
_EU = "http://publications.europa.eu/resource/authority/file-type/"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a format is called by others. `label`: as portals list it; `uri`: of the European list, else of what defines it;
    `media`: its media type, which is the IANA's where `is_registered`; `packed`: that of what it is packed with.
    """

    title: str
    label: str
    uri: str
    media: str
    packed: str | None = None
    is_registered: bool = True


KINDS = {
    "geojson": Kind("GeoJSON", "GeoJSON", f"{_EU}GEOJSON", "application/geo+json"),
    "geojsonseq": Kind("GeoJSON par lignes", "GeoJSONL", "https://stevage.github.io/ndgeojson/", "application/x-ndjson",
                       "application/gzip", is_registered=False),
    "csv": Kind("CSV", "CSV", f"{_EU}CSV", "text/csv"),
    "excel": Kind("CSV pour Excel", "CSV", f"{_EU}CSV", "text/csv"),
    "gpkg": Kind("GeoPackage", "GPKG", f"{_EU}GPKG", "application/geopackage+sqlite3"),
    "fgb": Kind("FlatGeobuf", "FGB", "https://flatgeobuf.org/", "application/flatgeobuf", is_registered=False),
    "parquet": Kind("GeoParquet", "Parquet", f"{_EU}PARQUET", "application/vnd.apache.parquet"),
    "shp": Kind("Shapefile", "SHP", f"{_EU}SHP", "application/vnd.shp", "application/zip"),
    "kml": Kind("KML", "KML", f"{_EU}KML", "application/vnd.google-earth.kml+xml"),
    "pmtiles": Kind("PMTiles", "PMTiles", "https://docs.protomaps.com/pmtiles/", "application/vnd.pmtiles"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """A licence as portals know it: udata by `label`, CKAN by `title`. `sort`: of http://purl.org/adms/licencetype/."""

    url: str
    label: str
    title: str
    sort: str | None = None


_TERMS = {
    Licence.CC_BY_NC_SA: (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)",
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)",
        "NonCommercialUseOnly",
    ),
    Licence.ODBL: (
        "Open Database License (ODbL) 1.0",
        "Open Data Commons Open Database License (ODbL)",
        "ViralEffect-ShareAlike",
    ),
    Licence.ETALAB: (
        "Licence Ouverte / Open Licence version 2.0",
        "Licence Ouverte / Open Licence version 2.0",
        "Attribution",
    ),
    Licence.CC_BY_SA: (
        "Creative Commons Attribution Share-Alike",
        "Creative Commons Attribution Share-Alike",
        "ViralEffect-ShareAlike",
    ),
    Licence.CC0: ("Creative Commons CCZero", "Creative Commons CCZero", "PublicDomain"),
}
#: What is said of files that are not open data.
NON_COMMERCIAL = {
    "fr": "Ces données ne sont pas ouvertes au sens strict : leur réutilisation commerciale est interdite (CC BY-NC-SA 4.0).",
    "en": "These data are not open in the strict sense: commercial re-use is forbidden (CC BY-NC-SA 4.0).",
}
_TITLES = {
    "places": ("Commerces, services, associations et projets", "Shops, services, associations and projects"),
    "communes": ("Limites des communes", "Limits of the communes"),
    "epci": ("Limites des intercommunalités (EPCI à fiscalité propre)", "Limits of the intercommunalities (EPCI)"),
    "departments": ("Limites des départements", "Limits of the departments"),
    "regions": ("Limites des régions", "Limits of the regions"),
}
_ABOUT = {
    "places": (
        "Lieux que les habitants et les registres publics placent sur la carte, un point chacun, avec la commune où il se trouve "
        "(code officiel géographique {vintage}). Sans aucune donnée sur les personnes qui les ont ajoutés.",
        "Places that inhabitants and public registers put on the map, a point each, with the commune it lies in (codes of "
        "{vintage}). Without any data on the people who added them.",
    ),
    "limits": (
        "Un polygone par unité administrative, avec les codes et noms officiels de {vintage}, outre-mer compris là où la source "
        "en donne les limites.",
        "A polygon for each administrative unit, with the official codes and names of {vintage}, overseas included where the "
        "source gives the limits.",
    ),
}  # fmt: skip
_FILES = (
    "Fichiers du {day}, renouvelés chaque jour à la même adresse. Colonnes : {columns}.",
    "Files of {day}, renewed every day at the same address. Columns: {columns}.",
)
_KEYWORDS = {
    "places": ("commerces", "services", "associations", "projets citoyens", "données citoyennes"),
    "limits": ("limites administratives", "code officiel géographique"),
}
_THEMES = {"places": ("SOCI", "Population et société"), "limits": ("REGI", "Régions et villes")}


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset of the catalogue: the files of a release under one licence. `boxes`: degrees, EPSG:4326."""

    release: Release
    stem: str
    licence: str | None
    files: tuple[ReleasedFile, ...]
    boxes: tuple[Box, ...]
    meanings: Mapping[str, str]

    @property
    def sort(self) -> str:
        """`places` or `limits`."""
        return "places" if self.release.collection == "places" else "limits"

    @property
    def page(self) -> str:
        """The page of its release, absolute."""
        return context.absolute(url_for("releases.dataset", dataset=self.release.dataset))

    @property
    def uri(self) -> str:
        """What it is called for ever: its part of that page."""
        return f"{self.page}#{self.stem}"

    @property
    def titles(self) -> dict[str, str]:
        """By language. A licence that not everybody may use is named."""
        release, terms = self.release, self.terms
        of = f"{release.scope_name} ({release.scope_code})" if release.scope else "France"
        code = f" ({self.licence})" if self.sort == "places" and terms else ""
        return {
            language: f"{title} — {of}{code}"
            for language, title in zip(("fr", "en"), _TITLES[release.collection], strict=True)
        }

    @property
    def descriptions(self) -> dict[str, str]:
        """By language; the English one tells what the columns mean, in the database's own words."""
        release, day = self.release, self.release.cut_at.date().isoformat()
        columns = (
            ", ".join(self.meanings),
            "; ".join(f"{name} ({meaning.rstrip('.')})" for name, meaning in self.meanings.items()),
        )
        told = {
            language: " ".join((
                _ABOUT[self.sort][number].format(vintage=release.vintage),
                _FILES[number].format(day=day, columns=columns[number]),
            ))
            for number, language in enumerate(("fr", "en"))
        }  # fmt: skip
        return (
            {language: f"{NON_COMMERCIAL[language]} {said}" for language, said in told.items()}
            if self.is_closed
            else told
        )

    @property
    def keywords(self) -> list[str]:
        """In French; without commas, at which CKAN would divide them."""
        scope = [self.release.scope_name] if self.release.scope_name else []
        return [word.replace(",", " ")[:96] for word in (*_KEYWORDS[self.sort], *scope) if len(word) > 2]

    @property
    def theme(self) -> tuple[str, str]:
        """Code of the European list of themes, and its title."""
        return _THEMES[self.sort]

    @property
    def terms(self) -> Terms | None:
        """Its licence."""
        return terms_of(self.licence)

    @property
    def is_closed(self) -> bool:
        """Whether it is no open data: commercial use is forbidden."""
        return self.licence == Licence.CC_BY_NC_SA

    @property
    def period(self) -> tuple[dt.date, dt.date]:
        """First and last day of which it is true: limits since the year of their codes began."""
        last = self.release.cut_at.date()
        return (last if self.sort == "places" else min(dt.date(self.release.vintage, 1, 1), last)), last

    @property
    def box(self) -> Box | None:
        """The box around all of it."""
        if not self.boxes:
            return None
        west, south, east, north = zip(*self.boxes, strict=True)
        return min(west), min(south), max(east), max(north)

    def address(self, file: str) -> str:
        """Where a file of it lies, whatever its release: absolute."""
        dataset = self.release.dataset
        return context.absolute(url_for("releases.file", dataset=dataset, release="latest", file=file))


def terms_of(licence: str | None) -> Terms | None:
    """What portals call a licence (SPDX). One that we do not know has the address of SPDX's list; None without any."""
    if licence in _TERMS:
        label, title, sort = _TERMS[Licence(licence)]
        return Terms(str(Licence(licence).url), label, title, sort)
    if licence and re.fullmatch("[A-Za-z0-9.+-]+", licence):
        return Terms(f"https://spdx.org/licenses/{licence}.html", licence, licence)
    return None


def media_uri(media: str) -> str:
    """The IANA's address of a media type."""
    return _IANA + media


def entries(connection: Connection, kept: Iterable[Release]) -> list[Entry]:
    """The entries of these releases, with their files, in their order. What has no row in any file is not told of."""
    told = list(kept)
    boxes = _boxes(connection, told)
    meanings = collections.meanings(connection)
    return [entry for release in told for entry in _of(release, boxes, meanings[release.collection])]


def _of(release: Release, boxes: Mapping[tuple[str | None, str | None], tuple[Box, ...]],
        meanings: Mapping[str, str]) -> Iterator[Entry]:  # fmt: skip
    grouped: dict[str, list[ReleasedFile]] = {}
    for file in release.files:
        if file.format != _PAPER:
            by_licence = release.collection == "places" and file.licence
            grouped.setdefault(
                f"{release.dataset}-{file.licence}".lower() if by_licence else release.dataset, []
            ).append(file)
    columns = collections.named(release.collection).columns
    shown = {column.name: meanings[column.name] for column in columns}
    for stem, files in grouped.items():
        if any(file.rows != 0 for file in files):
            found = boxes.get((release.scope, release.scope_code), ())
            yield Entry(release, stem, files[0].licence, tuple(files), found, shown)


def _boxes(connection: Connection, kept: list[Release]) -> dict[tuple[str | None, str | None], tuple[Box, ...]]:
    """By scope: France has a box for each territory, since one around all of them is most of the world."""
    asked: dict[str, list[str]] = {}
    for release in kept:
        if release.scope and release.scope_code:
            asked.setdefault(release.scope, []).append(release.scope_code)
    found: dict[tuple[str | None, str | None], tuple[Box, ...]] = {
        (level, code): (box,)
        for level, codes in asked.items()
        for code, box in collections.boxes(connection, level, codes).items()
    }
    france = collections.extents(connection)["communes"]
    found[None, None] = tuple(france[1:] or france)
    return found
