"""Editions that are known by name, and where they are fetched from. From the command line; to `loaders.files.fetch`.

The addresses follow the publishers' own pattern (docs/boundaries.md); none publishes a checksum, so the one that arrived first
is kept beside the file.
"""

from __future__ import annotations

import hashlib
import re

from geoplatform.errors import Misuse
from loaders.files.fetch import Remote
from loaders.sources.official import Told

_IGN = "https://data.geopf.fr/telechargement/download/ADMIN-EXPRESS-COG/{name}/{name}.7z"
_COG_NAMES = {
    2017: "ADMIN-EXPRESS-COG_1-0__SHP__FRA_2017-06-19",
    2018: "ADMIN-EXPRESS-COG_1-1__SHP__FRA_2018-04-03",
    2019: "ADMIN-EXPRESS-COG_2-0__SHP__FRA_2019-09-24",
    2020: "ADMIN-EXPRESS-COG_2-1__SHP__FRA_2020-11-20",
    2021: "ADMIN-EXPRESS-COG_3-0__SHP_WGS84G_FRA_2021-05-19",
    2022: "ADMIN-EXPRESS-COG_3-1__SHP_WGS84G_FRA_2022-04-15",
    2023: "ADMIN-EXPRESS-COG_3-2__SHP_WGS84G_FRA_2023-05-03",
    2024: "ADMIN-EXPRESS-COG_3-2__SHP_WGS84G_FRA_2024-02-22",
    2025: "ADMIN-EXPRESS-COG_4-0__GPKG_WGS84G_FRA_2025-01-01",
    2026: "ADMIN-EXPRESS-COG_4-0__GPKG_WGS84G_FRA_2026-01-01",
}
_ETALAB = "https://etalab-datasets.geo.data.gouv.fr/contours-administratifs/{year}/geojson/communes-{scale}.geojson.gz"
_SCALES = ("5m", "50m", "100m", "1000m")
_ETALAB_SUMS = {
    (2026, "1000m"): "2cf7e49db41f8a5603a578ecb8975ad4be236bb89a181c123065fdcbbe698d2c",
    (2026, "100m"): "4530cbf87a3af387c2da95935376f74b93eabd0a7595eacc5b7e0ed94a0b3778",
}


def edition(source: str) -> tuple[Remote, Told] | None:
    """Where a named edition is and what is known of it; None if the source is no such name. Misuse for an unknown edition.

    Names: `admin-express-cog:YEAR`, `contours-administratifs:YEAR-SCALE` (5m, 50m, 100m, 1000m).
    """
    family, _, which = source.partition(":")
    if family == "admin-express-cog":
        names = {str(year): name for year, name in _COG_NAMES.items()}
        if which not in names:
            raise Misuse(f"there is no edition {source}; there are {', '.join(f'{family}:{year}' for year in names)}")
        name = names[which]
        told = Told(year=int(which), attribution=f"IGN, ADMIN EXPRESS COG édition {which}")
        return Remote(_IGN.format(name=name), f"{name}.7z"), told
    if family == "contours-administratifs":
        year, _, scale = which.partition("-")
        if not year.isdigit() or scale not in _SCALES:
            raise Misuse(f"there is no edition {source}; an example is {family}:2026-50m ({', '.join(_SCALES)})")
        told = Told(
            year=int(year), precision_m=float(scale[:-1]), attribution=f"Etalab, contours administratifs {year} (IGN)"
        )
        url = _ETALAB.format(year=year, scale=scale)
        return Remote(url, f"contours-{year}-communes-{scale}.geojson.gz", _ETALAB_SUMS.get((int(year), scale))), told
    return None


def remote(url: str) -> Remote:
    """A file at an address of the web; kept under a name of its own, because many are called `communes.geojson`."""
    name = re.sub(r"[^\w.-]", "_", url.split("?")[0].rstrip("/").rsplit("/", 1)[-1])[-100:].lstrip(".")
    return Remote(url, f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name or 'download'}")


_INSEE = "https://www.insee.fr/fr/statistiques/fichier/{number}/{file}"
#: INSEE's number of a year's download page changes every year and is not to be guessed.
_COG_PAGE, _COG_EDITION = 8740222, 2026
_COG_YEARS = range(2017, _COG_EDITION + 1)
_COG_LIST = "v_commune_{year}.csv"
_COG_FILES = (
    "v_mvt_commune_{year}.csv", "v_commune_depuis_1943.csv", "v_commune_comer_{year}.csv", "v_departement_{year}.csv",
    "v_region_{year}.csv",
)  # fmt: skip


def cog(source: str) -> tuple[list[Remote], int] | None:
    """INSEE's lists of a year (`cog:2026`) and that year; None if the source is no such name. Misuse for an unknown year.

    Earlier years are read from the lists of the newest edition: it tells of each commune since 1943 from when until when it was.
    """
    family, _, year = source.partition(":")
    if family != "cog":
        return None
    if year not in map(str, _COG_YEARS):
        raise Misuse(f"there is no {source}; there are {', '.join(f'cog:{known}' for known in _COG_YEARS)}")
    wanted = [_COG_LIST, *_COG_FILES] if int(year) == _COG_EDITION else _COG_FILES
    names = [name.format(year=_COG_EDITION) for name in wanted]
    kept = [name if str(_COG_EDITION) in name else f"{_COG_EDITION}_{name}" for name in names]
    urls = [_INSEE.format(number=_COG_PAGE, file=name) for name in names]
    return [Remote(url, file) for url, file in zip(urls, kept, strict=True)], int(year)
