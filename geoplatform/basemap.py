"""An operator's basemap: raster tiles that somebody makes, shown below our own limits where a reader wants them. From `config`; to
the web.

Its address ends up in the policy by which browsers decide whom a page may ask, and in every page with a map: what is not plainly an
address of tiles is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from geoplatform.errors import Misuse

VARIABLE = "GEOPLATFORM_BASEMAP"
#: Deepest zoom that may be told: what MapLibre knows.
_DEEPEST = 24
_TEXT_MAX = 200
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_PORT = "(:(?P<port>[0-9]{1,5}))?"
_ORIGIN = rf"(https://{_LABEL}([.]{_LABEL})*|http://(127[.]0[.]0[.]1|localhost|\[::1\])){_PORT}"
_SIGNS = "[A-Za-z0-9._~:/?&=%+,-]"
_TILES = re.compile(rf"(?P<origin>{_ORIGIN})?/(?!/)({_SIGNS}|[{{][xyz][}}])*", re.ASCII)
_PAGE = re.compile(rf"{_ORIGIN}(/({_SIGNS}|#)*)?", re.ASCII)
_HOLE = re.compile("[{][^}]*[}]")
_USER = re.compile("//[^/]*@")


@dataclass(frozen=True, slots=True)
class Basemap:
    """A basemap and who makes it.

    `tiles`: address of its tiles (256 pixels, Web Mercator) with {z}, {x}, {y}; a path where this site has them itself. `name`: who
    makes it. `attribution`, `attribution_url`: what the map says of where it comes from, and the page behind it. `privacy_url`:
    what its maker does with what it learns of readers; None where this site has the tiles. `deepest`: zoom of its deepest tiles.
    """

    tiles: str
    name: str
    attribution: str
    attribution_url: str | None = None
    privacy_url: str | None = None
    deepest: int = 18

    @property
    def origin(self) -> str | None:
        """Scheme, host and port that are asked for tiles; None for this site."""
        found = _TILES.fullmatch(self.tiles)
        return found["origin"] if found else None


def _ign(layer: str, media_type: str) -> str:
    return (
        "https://data.geopf.fr/wmts?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&STYLE=normal&TILEMATRIXSET=PM"
        f"&LAYER={layer}&FORMAT={media_type}&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}"
    )


_IGN_ABOUT, _IGN_PRIVACY = "https://www.ign.fr/", "https://cartes.gouv.fr/donnees-personnelles"
PRESETS = {
    "ign-plan": Basemap(
        _ign("GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2", "image/png"), "IGN", "© IGN, Plan IGN", _IGN_ABOUT, _IGN_PRIVACY
    ),
    "ign-ortho": Basemap(
        _ign("ORTHOIMAGERY.ORTHOPHOTOS", "image/jpeg"), "IGN", "© IGN, BD ORTHO", _IGN_ABOUT, _IGN_PRIVACY
    ),
    "osm-fr": Basemap(
        "https://a.tile.openstreetmap.fr/osmfr/{z}/{x}/{y}.png",
        "OpenStreetMap France",
        "© contributeurs OpenStreetMap, rendu OpenStreetMap France",
        "https://www.openstreetmap.org/copyright",
        "https://www.openstreetmap.fr/mentions-legales/",
    ),
}


def told(env: Mapping[str, str]) -> Basemap | None:
    """The basemap that `GEOPLATFORM_BASEMAP` names, with what the variables beside it say otherwise; None without it.

    Misuse, with variable and value, for what is no address, says no name, or would ask somebody whose privacy page is not told.
    """
    wanted = env.get(VARIABLE)
    given = {suffix: env.get(f"{VARIABLE}_{suffix}") or None for suffix in _BESIDE}
    if not wanted:
        for suffix, value in given.items():
            if value:
                raise _misuse(suffix, value, f"needs {VARIABLE}: whose tiles are meant?")
        return None
    base = PRESETS.get(wanted) or Basemap(_tiles(wanted), "", "")
    made = replace(
        base,
        name=_text("NAME", given["NAME"]) or base.name,
        attribution=_text("ATTRIBUTION", given["ATTRIBUTION"]) or base.attribution,
        attribution_url=_page("ATTRIBUTION_URL", given["ATTRIBUTION_URL"]) or base.attribution_url,
        privacy_url=_page("PRIVACY_URL", given["PRIVACY_URL"]) or base.privacy_url,
        deepest=_zoom("MAX_ZOOM", given["MAX_ZOOM"], base.deepest),
    )
    needed = {"NAME": made.name, "ATTRIBUTION": made.attribution, "PRIVACY_URL": made.privacy_url or not made.origin}
    for suffix, there in needed.items():
        if not there:
            raise _misuse(suffix, "", f"has to be told of {VARIABLE}={_shown(wanted)!r}")
    return made


_BESIDE = ("NAME", "ATTRIBUTION", "ATTRIBUTION_URL", "PRIVACY_URL", "MAX_ZOOM")


def as_variables(basemap: Basemap | None) -> dict[str, str]:
    """The variables that make another process read this same basemap."""
    if basemap is None:
        return {VARIABLE: "", **{f"{VARIABLE}_{suffix}": "" for suffix in _BESIDE}}
    beside = (basemap.name, basemap.attribution, basemap.attribution_url, basemap.privacy_url, str(basemap.deepest))
    pairs = zip(_BESIDE, beside, strict=True)
    return {VARIABLE: basemap.tiles, **{f"{VARIABLE}_{suffix}": value or "" for suffix, value in pairs}}


def _tiles(value: str) -> str:
    found = _TILES.fullmatch(value)
    if found is None or not _is_port(found["port"]):
        presets = ", ".join(PRESETS)
        raise _misuse("", value, f"is neither one of {presets} nor like https://host/{{z}}/{{x}}/{{y}}.png (http on "
                      "the loopback alone, no user, no other signs than an address of tiles needs) nor a path")  # fmt: skip
    if sorted(_HOLE.findall(value)) != ["{x}", "{y}", "{z}"]:
        raise _misuse("", value, "does not hold {z}, {x} and {y} once each")
    return value


def _page(suffix: str, value: str | None) -> str | None:
    if value is None:
        return None
    found = _PAGE.fullmatch(value)
    if found is None or not _is_port(found["port"]):
        raise _misuse(suffix, value, "is not an https address")
    return value


def _is_port(told: str | None) -> bool:
    return told is None or 1 <= int(told) <= 65535


def _text(suffix: str, value: str | None) -> str | None:
    if value is not None and not (value.strip() and value.isprintable() and len(value) <= _TEXT_MAX):
        raise _misuse(suffix, value, f"is not a line of 1 to {_TEXT_MAX} signs")
    return value


def _zoom(suffix: str, value: str | None, usual: int) -> int:
    if value is None:
        return usual
    if not (value.isascii() and value.isdigit() and int(value) <= _DEEPEST):
        raise _misuse(suffix, value, f"is not a whole number from 0 to {_DEEPEST}")
    return int(value)


def _misuse(suffix: str, value: str, reason: str) -> Misuse:
    variable = f"{VARIABLE}_{suffix}" if suffix else VARIABLE
    shown = _shown(value)
    return Misuse(f"{variable}={shown!r} {reason}", variable=variable, value=shown)


def _shown(value: str) -> str:
    """As it may be told: without who and a password before a host."""
    return _USER.sub("//…@", value)
