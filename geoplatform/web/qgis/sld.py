"""The layers' looks as OGC SLD 1.1 / Symbology Encoding 1.1, for GeoServer, MapServer and QGIS."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from geoplatform.web.qgis.symbols import COLOURS, LIMITS

_NAMESPACES = {
    "xmlns": "http://www.opengis.net/sld",
    "xmlns:se": "http://www.opengis.net/se",
    "xmlns:ogc": "http://www.opengis.net/ogc",
}
_MARKS = {"merchant": "square", "service": "circle", "association": "triangle", "project": "star"}
_MARK_PX = 9
_PX_PER_MM = 1 / 0.28  # the pixel of SE 1.1, §11.1.1


def document(layer: str, title: str, kinds: dict[str, str]) -> bytes:
    """The SLD of a layer. `kinds`: what each kind of place is called."""
    root = Element("StyledLayerDescriptor", {"version": "1.1.0", **_NAMESPACES})
    named = SubElement(root, "NamedLayer")
    _text(named, "se:Name", layer)
    style = SubElement(named, "UserStyle")
    _text(style, "se:Name", title)
    rules = SubElement(style, "se:FeatureTypeStyle")
    if layer in LIMITS:
        _limits(_rule(rules, title), *LIMITS[layer])
    else:
        for kind, label in kinds.items():
            _places(_rule(rules, label), kind)
    spelled: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return spelled


def _rule(rules: Element, name: str) -> Element:
    rule = SubElement(rules, "se:Rule")
    _text(rule, "se:Name", name)
    return rule


def _limits(rule: Element, fill: str | None, edge: str, width_mm: float) -> None:
    drawn = SubElement(rule, "se:PolygonSymbolizer")
    if fill:
        _set(SubElement(drawn, "se:Fill"), "fill", fill)
    _stroke(drawn, edge, round(width_mm * _PX_PER_MM, 1))


def _places(rule: Element, kind: str) -> None:
    equal = SubElement(SubElement(rule, "ogc:Filter"), "ogc:PropertyIsEqualTo")
    _text(equal, "ogc:PropertyName", "kind")
    _text(equal, "ogc:Literal", kind)
    graphic = SubElement(SubElement(rule, "se:PointSymbolizer"), "se:Graphic")
    mark = SubElement(graphic, "se:Mark")
    _text(mark, "se:WellKnownName", _MARKS[kind])
    _set(SubElement(mark, "se:Fill"), "fill", COLOURS[f"kind-{kind}"])
    _stroke(mark, COLOURS["map-halo"], 1.4)
    _text(graphic, "se:Size", str(_MARK_PX))


def _stroke(drawn: Element, colour: str, width_px: float) -> None:
    stroke = SubElement(drawn, "se:Stroke")
    _set(stroke, "stroke", colour)
    _set(stroke, "stroke-width", str(width_px))


def _set(element: Element, name: str, value: str) -> None:
    SubElement(element, "se:SvgParameter", name=name).text = value


def _text(element: Element, name: str, value: str) -> None:
    SubElement(element, name).text = value
