"""The catalogue: what portals need to find in it, in every form, and what its addresses answer."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import DCAT, DCTERMS, RDF, RDFS, XSD

from exports.publishing import Wanted
from geoplatform.store import releases
from geoplatform.web.catalogue import PAGE
from tests.conftest import activate, cloned
from tests.exports.conftest import EXPORTER, NOW, Press, sown
from tests.web.ogc.planting import DRAWING, application
from tests.web.test_browser import chromium  # noqa: F401 - a fixture
from tests.web.test_server import running

ROOT = "https://carte.example"
FORMS = {
    "ttl": "text/turtle; charset=utf-8",
    "rdf": "application/rdf+xml; charset=utf-8",
    "jsonld": "application/ld+json",
}
READERS = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld"}
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
GEOSPARQL = Namespace("http://www.opengis.net/ont/geosparql#")
STEMS = {
    "communes#communes", "places#places-cc-by-nc-sa-4.0", "places#places-cc0-1.0", "places#places-odbl-1.0",
    "places-commune-97401#places-commune-97401-odbl-1.0",
}  # fmt: skip


class Catalogued:
    """A database with releases, and a client of the web over it."""

    def __init__(self, database, folder: Path, **settings: str) -> None:
        self.database, self.folder = database, folder
        told = {"publisher": "Une association", "contact": "donnees@example.fr", **settings}
        self.client = application(database, export_folder=folder, public_url=ROOT, **told)

    def get(self, path: str, method: str = "GET", **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, headers=named)

    def graph(self, path: str = "/catalogue.ttl") -> Graph:
        return Graph().parse(data=self.get(path).data, format=READERS[path.split("?")[0].rpartition(".")[2]])


@pytest.fixture(scope="module")
def catalogued(cluster, template, tmp_path_factory) -> Iterator[Catalogued]:
    """Every format of every dataset, places also of one commune, under three licences."""
    with sown(cluster, template) as database:
        folder = tmp_path_factory.mktemp("catalogued") / "exports"
        press = Press(database, folder)
        press.publish(Wanted(("places", "communes")))
        press.publish(Wanted(("places",), ("csv", "geojson"), (("commune", "97401"),)))
        yield Catalogued(database, folder)


@pytest.fixture
def graph(catalogued) -> Graph:
    return catalogued.graph()


def uris(graph: Graph, kind: URIRef) -> set[str]:
    return {str(node) for node in graph.subjects(RDF.type, kind)}


def test_each_form_is_the_same_graph_with_a_charset_and_needs_nothing_from_elsewhere(catalogued):
    graphs = []
    for ending, content_type in FORMS.items():
        answer = catalogued.get(f"/catalogue.{ending}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
        graphs.append(Graph().parse(data=answer.data, format=READERS[ending]))
        assert "Données ouvertes".encode() in answer.data or b"Donn\\u00e9es" in answer.data
        (view,) = graphs[-1].subjects(RDF.type, HYDRA.PartialCollectionView)
        assert str(view) == f"{ROOT}/catalogue.{ending}?page=1"  # the one thing in which they differ
        graphs[-1].remove((view, None, None))
        graphs[-1].remove((None, None, view))
    assert isomorphic(graphs[0], graphs[1])
    assert isomorphic(graphs[0], graphs[2])
    assert isinstance(json.loads(catalogued.get("/catalogue.jsonld").data)["@context"], dict)
    assert catalogued.get("/catalogue.ttl").headers["Access-Control-Allow-Origin"] == "*"


ACCEPTED = {
    "*/*": "ttl", "": "ttl", "text/turtle": "ttl", "application/rdf+xml": "rdf", "application/ld+json": "jsonld",
    "image/png": "ttl", "text/turtle;q=0.5, application/rdf+xml": "rdf",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "ttl",
}  # fmt: skip


@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_address_without_an_ending_is_answered_there_by_what_is_accepted(catalogued, accept, method):
    answer = catalogued.get("/catalogue", method, **({"Accept": accept} if accept else {}))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, FORMS[ACCEPTED[accept]])
    assert "Accept" in answer.headers["Vary"]
    assert int(answer.headers["Content-Length"]) > 1000
    assert (answer.data == b"") == (method == "HEAD")


def test_there_is_a_dataset_for_each_licence_of_each_dataset_with_rows(catalogued, graph):
    assert uris(graph, DCAT.Dataset) == {f"{ROOT}/exports/{stem}" for stem in STEMS}
    (catalogue,) = graph.subjects(RDF.type, DCAT.Catalog)
    assert {str(node) for node in graph.objects(catalogue, DCAT.dataset)} == uris(graph, DCAT.Dataset)
    for dataset in graph.subjects(RDF.type, DCAT.Dataset):
        assert [str(one) for one in graph.objects(dataset, DCTERMS.identifier)] == [str(dataset)]
        (licence,) = graph.objects(dataset, DCTERMS.license)
        files = list(graph.objects(dataset, DCAT.distribution))
        assert files
        assert {graph.value(file, DCTERMS.license) for file in files} == {licence}
        assert catalogued.get(str(dataset).partition("#")[0].removeprefix(ROOT)).status_code == 200
        assert {text.language for text in graph.objects(dataset, DCTERMS.title)} == {"fr", "en"}


def test_files_are_told_as_they_are_registered_and_served(catalogued, graph):
    with catalogued.database.store(EXPORTER).reading() as connection:
        kept = {
            f"{ROOT}/exports/{one.dataset}/latest/{file.name}": file
            for one in releases.current(connection)
            for file in one.files
            if file.format != "paper" and file.rows
        }
    told = {str(graph.value(node, DCAT.downloadURL)): node for node in graph.subjects(RDF.type, DCAT.Distribution)}
    assert told.keys() == kept.keys()
    assert {file.format for file in kept.values()} >= {
        "csv",
        "excel",
        "geojson",
        "gpkg",
        "fgb",
        "parquet",
        "shp",
        "kml",
    }
    for address, node in told.items():
        file = kept[address]
        assert isinstance(node, URIRef)
        assert graph.value(node, DCAT.byteSize) == Literal(str(file.bytes), datatype=XSD.nonNegativeInteger)
        checksum = graph.value(node, SPDX.checksum)
        value = graph.value(checksum, SPDX.checksumValue)
        assert (str(value), value.datatype, value.language) == (file.sha256, None, None)
        assert graph.value(checksum, SPDX.algorithm) == SPDX.checksumAlgorithm_sha256
        form, media = graph.value(node, DCTERMS["format"]), graph.value(node, DCAT.mediaType)
        assert graph.value(form, RDFS.label), address
        assert graph.value(media, RDFS.label) if media else graph.value(form, RDF.value), address
        assert media is None or str(media).startswith("https://www.iana.org/assignments/media-types/")
        head = catalogued.get(address.removeprefix(ROOT), "HEAD")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(file.bytes))


def test_periods_are_blank_boxes_are_wkt_and_frequencies_are_those_that_udata_knows(graph):
    for dataset in graph.subjects(RDF.type, DCAT.Dataset):
        period, place = graph.value(dataset, DCTERMS.temporal), graph.value(dataset, DCTERMS.spatial)
        assert isinstance(period, BNode)
        days = [graph.value(period, about) for about in (DCAT.startDate, DCAT.endDate)]
        assert [day.datatype for day in days] == [XSD.date, XSD.date]
        assert days[0] <= days[1]
        assert (place, RDF.type, DCTERMS.Location) in graph
        box = graph.value(place, DCAT.bbox)
        assert box.datatype == GEOSPARQL.wktLiteral
        assert str(box).startswith("POLYGON((")
        assert graph.value(dataset, DCTERMS.accrualPeriodicity) == URIRef(
            "http://publications.europa.eu/resource/authority/frequency/DAILY"
        )
    boxes = {str(graph.value(graph.value(URIRef(f"{ROOT}/exports/{stem}"), DCTERMS.spatial), DCAT.bbox))
             for stem in ("places#places-odbl-1.0", "places-commune-97401#places-commune-97401-odbl-1.0")}  # fmt: skip
    assert len(boxes) == 2


def test_what_may_not_be_sold_says_so_and_nothing_else_does(graph):
    closed = {
        dataset for dataset in graph.subjects(RDF.type, DCAT.Dataset) if list(graph.objects(dataset, DCTERMS.rights))
    }
    assert {str(one).rpartition("#")[2] for one in closed} == {"places-cc-by-nc-sa-4.0"}
    for dataset in closed:
        assert "commerciale est interdite" in graph.value(graph.value(dataset, DCTERMS.rights), RDFS.label)
        assert "pas ouvertes" in next(
            text for text in graph.objects(dataset, DCTERMS.description) if text.language == "fr"
        )
        licence = graph.value(dataset, DCTERMS.license)
        assert graph.value(licence, DCTERMS.type) == URIRef("http://purl.org/adms/licencetype/NonCommercialUseOnly")


def test_the_service_stands_alone(graph):
    (service,) = graph.subjects(RDF.type, DCAT.DataService)
    assert str(graph.value(service, DCAT.endpointURL)) == f"{ROOT}/ogc/"
    served = {str(one).rpartition("#")[2] for one in graph.objects(service, DCAT.servesDataset)}
    assert served == {"communes", "places-cc-by-nc-sa-4.0", "places-cc0-1.0", "places-odbl-1.0"}
    assert not list(graph.triples((None, DCAT.accessService, None)))


def test_what_is_known_is_not_sent_again_until_a_release_comes(cluster, template, tmp_path):
    with sown(cluster, template) as database:
        press, shop = Press(database, tmp_path / "exports"), Catalogued(database, tmp_path / "exports")
        press.publish(Wanted(("places",), ("csv",)))
        for path in ("/catalogue", "/catalogue.ttl", "/catalogue.rdf", "/catalogue.jsonld", "/data.json"):
            whole = shop.get(path)
            again = shop.get(path, If_None_Match=whole.headers["ETag"])
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", whole.headers["ETag"])
            assert shop.get(path, If_None_Match='"x"').data == whole.data
        tags = {shop.get(f"/catalogue.{ending}").headers["ETag"] for ending in FORMS}
        assert len(tags) == 3
        before = shop.get("/catalogue.ttl")
        press.publish(Wanted(("places",), ("csv", "geojson")), now=NOW + dt.timedelta(days=1))
        after = shop.get("/catalogue.ttl", If_None_Match=before.headers["ETag"])
        assert after.status_code == 200
        earlier, later = (Graph().parse(data=answer.data, format="turtle") for answer in (before, after))
        assert uris(earlier, DCAT.Dataset) == uris(later, DCAT.Dataset)
        assert uris(earlier, DCAT.Distribution) < uris(later, DCAT.Distribution)


def test_a_catalogue_without_releases_is_empty_and_complete(cluster, template, tmp_path):
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        shop = Catalogued(database, tmp_path)
        graph = shop.graph()
        assert len(uris(graph, DCAT.Catalog)) == 1
        assert uris(graph, DCAT.Dataset) == set()
        assert shop.get("/data.json").json["dataset"] == []


@pytest.fixture(scope="module")
def many(cluster, template, tmp_path_factory) -> Iterator[Catalogued]:
    """More datasets than a page holds, of communes that no limits are known of."""
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        files = [{"name": "places-x-odbl-1.0.csv", "format": "csv", "media_type": "text/csv", "licence": "ODbL-1.0", "rows": 1,
                  "bytes": 5, "sha256": "0" * 64}]  # fmt: skip
        told = [
            {"dataset": f"places-commune-{number}", "name": "2026-11-29", "collection": "places", "scope": "commune",
             "scope_code": str(number), "scope_name": "Aix, l'« été » & <b>", "vintage": 2026, "change_seq": 1,
             "program_version": "1", "cut_at": NOW.isoformat(), "files": files}
            for number in range(10000, 10000 + 2 * PAGE + 1)
        ]  # fmt: skip
        database.store(EXPORTER).writing(lambda connection: releases.register(connection, told, NOW))
        yield Catalogued(database, tmp_path_factory.mktemp("many"))


@pytest.mark.parametrize("path", ["/catalogue.ttl", "/catalogue.rdf", "/catalogue.jsonld"])
def test_pages_lead_to_each_other_by_absolute_addresses_and_hold_each_dataset_once(many, path):
    seen: list[str] = []
    address, views = f"{ROOT}{path}", []
    while address:
        graph = Graph().parse(data=many.get(address.removeprefix(ROOT)).data, format=READERS[path.rpartition(".")[2]])
        (view,) = graph.subjects(RDF.type, HYDRA.PartialCollectionView)
        seen += sorted(uris(graph, DCAT.Dataset))
        views.append(str(view))
        following = graph.value(view, HYDRA.next)
        assert following is None or isinstance(following, URIRef)
        address = following and str(following)
    assert views == [f"{ROOT}{path}?page={number}" for number in (1, 2, 3)]
    assert len(seen) == len(set(seen)) == 2 * PAGE + 1
    assert [len(many.graph(f"/catalogue.ttl?page={page}").query("SELECT ?d {?d a dcat:Dataset}")) for page in (1, 2, 3)] == [
        PAGE, PAGE, 1,
    ]  # fmt: skip


def test_names_with_commas_quotes_and_signs_stay_whole(many):
    graph = many.graph()
    assert "Aix  l'« été » & <b>" in {str(word) for word in graph.objects(None, DCAT.keyword)}
    assert all("," not in word for word in graph.objects(None, DCAT.keyword))
    assert any("Aix, l'« été » & <b> (10000)" in text for text in graph.objects(None, DCTERMS.title))
    assert not list(graph.objects(None, DCTERMS.spatial))


@pytest.mark.parametrize(("page", "status"), [
    ("4", 404), ("99999999", 404), ("0", 400), ("-1", 400), ("x", 400), ("", 400), ("1.0", 400), ("٣", 400), ("9" * 5000, 400),
])  # fmt: skip
def test_a_page_that_is_none_is_refused_by_name(many, page, status):
    for path in ("/catalogue", "/catalogue.rdf"):
        answer = many.client.get(path, query_string={"page": page})
        assert answer.status_code == status
        told = answer.json
        assert (
            page[:40] in told["detail"] if status == 404 else (told["parameter"], told["value"]) == ("page", page[:40])
        )


def test_requests_are_counted(cluster, template, tmp_path):
    with cloned(cluster, template) as database:
        activate(database, DRAWING)
        client = application(database, export_folder=tmp_path, read_rate="2 per minute")
        assert [client.get("/catalogue.ttl").status_code for _ in range(3)] == [200, 200, 429]


def test_data_json_is_dcat_us(catalogued):
    told = catalogued.get("/data.json").json
    assert told["conformsTo"] == "https://project-open-data.cio.gov/v1.1/schema"
    assert {one["identifier"] for one in told["dataset"]} == {f"{ROOT}/exports/{stem}" for stem in STEMS}
    required = {
        "@type",
        "title",
        "description",
        "keyword",
        "modified",
        "publisher",
        "contactPoint",
        "identifier",
        "accessLevel",
    }
    for one in told["dataset"]:
        assert required <= one.keys()
        assert one["accessLevel"] == "public"
        assert one["contactPoint"] == {
            "@type": "vcard:Contact", "fn": "Une association", "hasEmail": "mailto:donnees@example.fr"
        }  # fmt: skip
        assert ("rights" in one) == ("by-nc" in one["license"])
        assert len(one["spatial"].split(",")) == 4
        for file in one["distribution"]:
            head = catalogued.get(file["downloadURL"].removeprefix(ROOT), "HEAD")
            assert head.headers["Content-Type"].partition(";")[0] == file["mediaType"]


@pytest.mark.browser
def test_pages_carry_their_datasets_for_search_engines_past_the_policy(catalogued, chromium, tmp_path):  # noqa: F811
    with running(catalogued.database, tmp_path, EXPORTS=str(catalogued.folder)) as server:
        page = chromium.new_page(base_url=f"http://127.0.0.1:{server.port}")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto("/exports/places#places-odbl-1.0")
        expect(page.locator("[id='places-odbl-1.0']")).to_be_in_viewport()
        (told,) = page.locator("script[type='application/ld+json']").all_text_contents()
        hrefs = page.locator("link[rel=alternate]").evaluate_all("all => all.map(one => [one.type, one.href])")
        for kind, href in hrefs:
            assert page.request.get(href).headers["content-type"].startswith(kind)
        page.close()
    assert complaints == []
    assert {kind for kind, _ in hrefs} == {"text/turtle", "application/rdf+xml", "application/ld+json"}
    datasets = json.loads(told)["@graph"]
    assert [one["@id"].rpartition("#")[2] for one in datasets] == [
        "places-cc-by-nc-sa-4.0", "places-cc0-1.0", "places-odbl-1.0"
    ]  # fmt: skip
    for one in datasets:
        assert {
            "name",
            "description",
            "license",
            "distribution",
            "creator",
            "temporalCoverage",
            "spatialCoverage",
        } <= one.keys()
        assert ("usageInfo" in one) == ("by-nc" in one["license"])
        assert all(len(file["sha256"]) == 64 for file in one["distribution"])
