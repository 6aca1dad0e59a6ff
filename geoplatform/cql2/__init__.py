"""CQL2, the filter language of OGC API (OGC 21-065r2): from text or JSON to a checked tree, and back.

From the web, which gives what a client wrote; to `store.filtering`, which makes a condition of it. Knows neither SQL nor HTTP.
"""

from geoplatform.cql2.checking import FUNCTIONS, Checked, Function, check
from geoplatform.cql2.from_json import parse_json
from geoplatform.cql2.from_text import parse_text
from geoplatform.cql2.tree import Limits, Property, Type
from geoplatform.cql2.writing import to_json, to_text

__all__ = [
    "FUNCTIONS",
    "Checked",
    "Function",
    "Limits",
    "Property",
    "Type",
    "check",
    "parse_json",
    "parse_text",
    "to_json",
    "to_text",
]
