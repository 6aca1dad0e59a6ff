"""How the layers look in QGIS: symbols and renderers of its project format and of QML, as XML elements.

Written as QGIS 3.22 writes them; later versions read the same. Colours are those of the light theme.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from geoplatform.model import Kind
from geoplatform.web.themes import THEMES

COLOURS = THEMES["light"]
#: Limits: fill (None: none), edge, width of the edge in mm.
LIMITS: dict[str, tuple[str | None, str, float]] = {
    "communes": (COLOURS["map-land"], COLOURS["map-line"], 0.2),
    "departments": (None, COLOURS["map-department"], 0.5),
    "epci": (None, COLOURS["map-department"], 0.3),
    "regions": (None, COLOURS["map-department"], 0.8),
}
_OF_TILES = ("communes", "departments")
_SHAPES = {Kind.MERCHANT: "square", Kind.SERVICE: "circle", Kind.ASSOCIATION: "triangle", Kind.PROJECT: "diamond"}
_MARKER_MM = 2.6
#: Styles of tiles: geometry types as QGIS numbers them.
_POINT, _POLYGON = "0", "2"


def renderer(layer: str, kinds: dict[str, str]) -> Element:
    """The `renderer-v2` of a layer of features. `kinds`: what each kind of place is called, in order."""
    if layer in LIMITS:
        told = Element("renderer-v2", type="singleSymbol", symbollevels="0", enableorderby="0", forceraster="0")
        SubElement(told, "symbols").append(_fill("0", *LIMITS[layer]))
        return told
    told = Element("renderer-v2", type="categorizedSymbol", attr="kind", symbollevels="0", enableorderby="0")
    listed, symbols = SubElement(told, "categories"), SubElement(told, "symbols")
    for number, (kind, label) in enumerate(kinds.items()):
        SubElement(listed, "category", value=kind, type="string", label=label, symbol=str(number), render="true")
        symbols.append(_marker(str(number), _SHAPES[Kind(kind)], COLOURS[f"kind-{kind}"], _MARKER_MM))
    return told


def tile_renderer() -> Element:
    """The `renderer` of the vector tiles of all layers: limits, clusters, places by kind."""
    told = Element("renderer", type="basic")
    styles = SubElement(told, "styles")
    # Where tiles have no communes yet, departments are the land.
    land = _fill("0", COLOURS["map-land"], COLOURS["map-line"], 0.2)
    _tile_style(styles, "land", "departments", _POLYGON, "", land)
    for layer in _OF_TILES:
        _tile_style(styles, layer, layer, _POLYGON, "", _fill("0", *LIMITS[layer]))
    cluster = _marker("0", "circle", COLOURS["map-cluster"], 4.5)
    _tile_style(styles, "clusters", "places", _POINT, '"point_count" > 1', cluster)
    for kind in Kind:
        marker = _marker("0", _SHAPES[kind], COLOURS[f"kind-{kind.value}"], _MARKER_MM)
        alone = f'"point_count" = 1 AND "kind" = \'{kind.value}\''
        _tile_style(styles, kind.value, "places", _POINT, alone, marker)
    return told


def _tile_style(styles: Element, name: str, layer: str, geometry: str, expression: str, symbol: Element) -> None:
    facts = {"name": name, "layer": layer, "geometry": geometry, "expression": expression, "enabled": "1"}
    told = SubElement(styles, "style", {**facts, "min-zoom": "-1", "max-zoom": "-1"})
    SubElement(told, "symbols").append(symbol)


def _fill(name: str, fill: str | None, edge: str, width_mm: float) -> Element:
    facts = {
        "color": _rgba(fill or edge),
        "style": "solid" if fill else "no",
        "outline_color": _rgba(edge),
        "outline_style": "solid",
        "outline_width": str(width_mm),
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }
    return _symbol("fill", name, "SimpleFill", facts)


def _marker(name: str, shape: str, colour: str, size_mm: float) -> Element:
    facts = {
        "name": shape,
        "color": _rgba(colour),
        "size": str(size_mm),
        "size_unit": "MM",
        "outline_color": _rgba(COLOURS["map-halo"]),
        "outline_style": "solid",
        "outline_width": "0.4",
        "outline_width_unit": "MM",
    }
    return _symbol("marker", name, "SimpleMarker", facts)


def _symbol(kind: str, name: str, layer_class: str, facts: dict[str, str]) -> Element:
    symbol = Element("symbol", type=kind, name=name, alpha="1", clip_to_extent="1", force_rhr="0")
    drawn = SubElement(symbol, "layer", {"class": layer_class, "pass": "0", "locked": "0", "enabled": "1"})
    listed = SubElement(drawn, "Option", type="Map")
    for fact, value in facts.items():
        SubElement(listed, "Option", name=fact, value=value, type="QString")
    return symbol


def _rgba(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"{red},{green},{blue},255"
