"""Programs that read OGC API Features over HTTP: GDAL's driver (Debian's and the newest), and owslib, which writes too."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest
from owslib.ogcapi.features import Features
from werkzeug.serving import make_server

from tests.web.ogc.planting import feature, listed

DEPARTMENT = "department_code = '974'"
NEWEST = """
import json, sys, pyogrio.raw
meta, _, _, columns = pyogrio.raw.read(sys.argv[1], layer=sys.argv[2], where=sys.argv[3], PAGE_SIZE=2)
print(json.dumps(columns[meta["fields"].tolist().index("id")].tolist()))
"""


@pytest.fixture
def address(client, planted):
    """Where the application answers, for a program of another process."""
    server = make_server("127.0.0.1", 0, client.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/ogc"
    server.shutdown()
    thread.join()
    server.server_close()


def identifiers(client, name):
    return sorted(one["id"] for one in listed(client, name, filter=DEPARTMENT)["features"])


@pytest.mark.parametrize("name", ["communes", "places"])
def test_both_gdals_read_every_feature_of_a_department_page_by_page(client, address, name):
    expected = identifiers(client, name)
    arguments = [f"OAPIF:{address}", name, DEPARTMENT]
    # In a process of its own: it holds the interpreter while it waits for the server.
    read = subprocess.run(
        [sys.executable, "-c", NEWEST, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert sorted(json.loads(read)) == expected
    command = ["ogrinfo", "-ro", "-al", f"OAPIF:{address}", name, "-where", DEPARTMENT, "-oo", "PAGE_SIZE=2"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert (
        sorted(line.rpartition(" = ")[2] for line in told.splitlines() if line.startswith("  id (String)")) == expected
    )
    assert f"Feature Count: {len(expected)}" in told


def test_owslib_reads_creates_replaces_and_withdraws(client, address, key):
    service = Features(address, headers=dict(key))
    assert "places" in service.feature_collections()
    assert "name" in service.collection_queryables("places")["properties"]
    before = identifiers(client, "places")
    assert sorted(one["id"] for one in service.collection_items("places", limit=100)["features"]) == before
    service.headers["Content-Type"] = "application/geo+json"
    assert service.collection_item_create("places", json.dumps(feature(0.5, 0.2)))
    (made,) = set(identifiers(client, "places")) - set(before)
    assert service.collection_item_update("places", made, json.dumps(feature(2.5, 0.3, name="Grande chorale")))
    assert service.collection_item("places", made)["properties"]["name"] == "Grande chorale"
    assert service.collection_item_delete("places", made)
    assert identifiers(client, "places") == before
