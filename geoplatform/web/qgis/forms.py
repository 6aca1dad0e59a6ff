"""Forms and tables of attributes in QGIS: what each field is called, which values it may have, whether it may be written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement

#: Fields that mean something to programs only: kept, but shown in no form.
_TECHNICAL = frozenset({"id", "source_name", "geometry_source", "legal_srid", "version", "commune_code_at_entry"})

Choices = dict[str, dict[str, str]]


def elements(properties: dict[str, dict[str, Any]], choices: Choices) -> Iterator[Element]:
    """The elements of a layer that make its form. `properties`: JSON Schema by field; `choices`: label by value, by field."""
    configured, aliases, editable = Element("fieldConfiguration"), Element("aliases"), Element("editable")
    for number, (name, schema) in enumerate(properties.items()):
        field = SubElement(configured, "field", name=name, configurationFlags="None")
        field.append(_widget(name, schema, choices.get(name)))
        SubElement(aliases, "alias", field=name, index=str(number), name=schema["title"])
        SubElement(editable, "field", name=name, editable="0" if schema.get("readOnly") else "1")
    yield from (configured, aliases, editable)


def _widget(name: str, schema: dict[str, Any], choice: dict[str, str] | None) -> Element:
    if name in _TECHNICAL:
        return Element("editWidget", type="Hidden")
    if choice is None:
        widget = Element("editWidget", type="TextEdit")
        settings = SubElement(SubElement(widget, "config"), "Option", type="Map")
        SubElement(settings, "Option", name="IsMultiline", type="bool", value=str(name == "description").lower())
        return widget
    widget = Element("editWidget", type="ValueMap")
    settings = SubElement(SubElement(widget, "config"), "Option", type="Map")
    listed = SubElement(settings, "Option", name="map", type="List")
    for value, label in choice.items():
        SubElement(SubElement(listed, "Option", type="Map"), "Option", name=label, type="QString", value=value)
    return widget
