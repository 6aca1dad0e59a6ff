"""The real QGIS opens the files of a release: from the disk, and from their address as the page of a release tells it."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from geoplatform.web.themes import THEMES
from tests.exports.conftest import released  # noqa: F401 - a fixture
from tests.web.test_server import running

pytestmark = pytest.mark.clients

STEM = "places-odbl-1.0"
KINDS = [THEMES["light"][f"kind-{kind}"] for kind in ("merchant", "service", "association", "project")]
#: Debian's GDAL has no driver of GeoParquet, and its KML tells no column but two.
FILES = {
    ".geojson": ("{}", "ogr"),
    ".geojsonl.gz": ("/vsigzip/{}", "ogr"),
    ".csv": ("file://{}?delimiter=,&xField=longitude&yField=latitude&crs=EPSG:4326", "delimitedtext"),
    ".gpkg": ("{}|layername=places", "ogr"),
    ".fgb": ("{}", "ogr"),
    ".shp.zip": (f"/vsizip/{{}}/{STEM}.shp", "ogr"),
    ".kml": ("{}", "ogr"),
}


def expected(released) -> tuple[list[str], int]:  # noqa: F811
    """Names of the places of the ODbL, and how many have a position."""
    rows = released.database.rows("SELECT name, geom IS NOT NULL FROM published.place_items WHERE licence = 'ODbL-1.0'")
    return sorted(name for name, _ in rows), sum(is_located for _, is_located in rows)


@pytest.mark.parametrize("ending", FILES)
def test_qgis_opens_each_format(released, qgis, ending):  # noqa: F811
    pattern, provider = FILES[ending]
    path = str(released.file("places", STEM + ending))
    told = qgis("file", pattern.format(quote(path) if provider == "delimitedtext" else path), provider)
    names, located = expected(released)
    assert told["valid"], told["error"]
    assert told["crs"] == "EPSG:4326"
    assert told["located"] == located
    if ending == ".fgb":
        assert set(told["names"]) <= set(names)
    else:
        assert told["names"] == names


def test_a_geopackage_opens_with_the_look_it_holds(released, qgis):  # noqa: F811
    places = qgis("file", f"{released.file('places', STEM + '.gpkg')}|layername=places", "ogr")
    assert places["found"]
    assert places["renderer"] == "categorizedSymbol"
    assert places["colours"] == KINDS
    assert places["aliases"]["opening_hours"] == "Horaires"
    assert places["widgets"]["category"] == "ValueMap"
    communes = qgis("file", f"{released.file('communes', 'communes.gpkg')}|layername=communes", "ogr")
    assert communes["found"]
    assert communes["count"] == 3


@pytest.mark.parametrize("ending", [".fgb", ".gpkg", ".geojson"])
def test_qgis_opens_the_address_that_the_page_tells(released, qgis, tmp_path, ending):  # noqa: F811
    with running(released.database, tmp_path, EXPORTS=str(released.folder)) as server:
        address = f"/vsicurl/http://127.0.0.1:{server.port}/exports/places/latest/{STEM}{ending}"
        told = qgis("file", address, "ogr")
    assert told["valid"], told["error"]
    assert told["located"] == expected(released)[1]
