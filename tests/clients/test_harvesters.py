"""The portals' own programs harvest our catalogue: udata from a server, twice; CKAN's parser; SEMIC's shapes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exports.publishing import Wanted
from geoplatform.model import Licence
from tests import grid
from tests.conftest import REAL, ROOT
from tests.exports.conftest import Press, sown
from tests.web.ogc.planting import DRAWING, application, plant_each
from tests.web.test_server import Running, running

pytestmark = pytest.mark.clients

PROGRAMS = Path(__file__).with_name("harvesters")
SHAPES = REAL / "peer" / "dcat-ap" / "3.0.1" / "shacl" / "dcat-ap-SHACL.ttl"
#: Licence of each dataset of places, as the portals call it. Neither knows one that forbids commercial use.
KNOWN = {
    "cc-by-nc-sa-4.0": ("notspecified", ""), "odbl-1.0": ("odc-odbl", "odc-odbl"), "etalab-2.0": ("lov2", ""),
    "cc-by-sa-4.0": ("cc-by-sa", "cc-by-sa"), "cc0-1.0": ("cc-zero", "cc-zero"),
}  # fmt: skip
FORMS = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld"}


@pytest.fixture(scope="module")
def server(cluster, template, tmp_path_factory) -> Iterator[Running]:
    """A server with releases of places under every licence, and of communes."""
    with sown(cluster, template) as database:
        licences = [licence for licence in Licence if licence is not Licence.DISPLAY_ONLY]
        places = [{"name": f"Sous {one}", "position": grid.at(DRAWING, 0.6, 0.4), "licence": one} for one in licences]
        plant_each(database, application(database), places)
        folder = tmp_path_factory.mktemp("harvested")
        press = Press(database, folder / "exports")
        press.publish(Wanted(("places", "communes")))
        press.publish(Wanted(("places",), ("csv",), (("commune", "97401"),)))
        with running(database, folder, EXPORTS=str(press.folder), CONTACT="donnees@example.fr") as server:
            yield server


def ran(program: str, *words: str) -> list:
    """What a program of a portal printed, a JSON value a line."""
    python = ROOT / ".setup" / "clients" / program.partition("_")[0] / "bin" / "python"
    command = [str(python), str(PROGRAMS / f"{program}.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line[:1] in "[{"]


@pytest.mark.parametrize("ending", ["", ".rdf", ".jsonld"])
def test_udata_harvests_twice_and_the_second_changes_nothing(server, ending):
    first, second = ran("udata_harvest", f"http://127.0.0.1:{server.port}/catalogue{ending}", "2")
    assert (first["status"], first["errors"], second["errors"]) == ("done", [], [])
    assert len(first["items"]) == 8  # places under five licences, those of a commune, the communes, the service
    assert {status for _, status in first["items"]} == {"done"}
    assert first["datasets"] == second["datasets"]
    assert first["services"] == second["services"]
    by_stem = {one["remote_id"].rpartition("#")[2]: one for one in first["datasets"]}
    for licence, (of_udata, _) in KNOWN.items():
        assert by_stem[f"places-{licence}"]["license"] == of_udata
    assert by_stem["communes"]["license"] == "cc-zero"
    for one in first["datasets"]:
        assert one["frequency"] == "daily"
        assert one["spatial"]["type"] == "MultiPolygon"
        assert one["temporal"]
        assert one["quality"] == 1.0 or one["license"] == "notspecified"
        assert ["La carte de ma commune", "donnees@example.fr"] in [contact[:2] for contact in one["contacts"]]
        for file in one["resources"]:
            assert file["bytes"] > 0
            assert file["checksum"][0] == "sha256"
    formats = {file["format"] for file in by_stem["places-odbl-1.0"]["resources"]}
    assert formats == {"geojson", "geojsonl", "csv", "gpkg", "fgb", "parquet", "shp", "kml", "pmtiles"}
    assert len(by_stem["places-odbl-1.0"]["resources"]) == 10
    (service,) = first["services"]
    assert len(service["datasets"]) == 6


def test_ckan_reads_every_form_alike(server, tmp_path):
    words = []
    for ending, form in FORMS.items():
        path = tmp_path / f"catalogue.{ending}"
        path.write_bytes(server.ask(f"/catalogue.{ending}")[1])
        words += [str(path), form]
    told = [{one["title"]: one for one in read["datasets"]} for read in ran("ckan_read", *words)]
    assert told[0].keys() == told[1].keys() == told[2].keys()
    for datasets in told:
        assert len(datasets) == 7
        by_stem = {extras(one)["uri"].rpartition("#")[2]: one for one in datasets.values()}
        for licence, (_, of_ckan) in KNOWN.items():
            assert by_stem[f"places-{licence}"]["license_id"] == of_ckan
        formats = {(file["format"], file["mimetype"]) for file in by_stem["places-odbl-1.0"]["resources"]}
        assert {kind for kind, _ in formats} == {
            "CSV",
            "GeoJSON",
            "GeoJSONL",
            "GPKG",
            "FGB",
            "Parquet",
            "SHP",
            "KML",
            "PMTiles",
        }
        assert not {media for _, media in formats} & {"None", None}
        for one in datasets.values():
            assert one["tags"]
            assert extras(one)["spatial_bbox"].startswith('{"type": "Polygon"')
            for file in one["resources"]:
                assert file["uri"].startswith("http://127.0.0.1")
                assert int(file["size"]) > 0
                assert len(file["hash"]) == 64
                assert file["license"]


def extras(dataset: dict) -> dict[str, str]:
    return {extra["key"]: extra["value"] for extra in dataset["extras"]} | {
        name: value for name, value in dataset.items() if isinstance(value, str)
    }


@pytest.mark.real
def test_semics_shapes_find_nothing_but_plain_checksums(server, tmp_path):
    """They want hexBinary, which udata does not read."""
    path = tmp_path / "catalogue.ttl"
    path.write_bytes(server.ask("/catalogue.ttl")[1])
    found = ran("shacl_validate", str(path), str(SHAPES))
    assert len(found) > 40
    assert [one for one in found if not one[2].endswith("checksumValue") or "hexBinary" not in one[4]] == []
