"""The catalogue as a graph: DCAT-AP 3, written so that udata, CKAN and SEMIC's shapes read the same out of it. From its views.

Each oddity is one of theirs: periods are blank nodes, since udata downloads those that have an address; checksums are plain
strings; licences, formats and media types bear the labels by which each portal knows them; `dct:IMT` comes first, since CKAN
looks at one type only; files have addresses of their own, since CKAN keeps resources by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XSD
from rdflib.term import Node

from geoplatform.store.collections import COLLECTIONS, Box
from geoplatform.store.releases import ReleasedFile
from geoplatform.web import context
from geoplatform.web.catalogue.entries import KINDS, NON_COMMERCIAL, Entry, media_uri, terms_of

HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
GEOSPARQL = Namespace("http://www.opengis.net/ont/geosparql#")
_PREFIXES = {
    "dcat": DCAT, "dct": DCTERMS, "foaf": FOAF, "hydra": HYDRA, "rdfs": RDFS, "skos": SKOS, "spdx": SPDX, "vcard": VCARD,
    "gsp": GEOSPARQL, "xsd": XSD,
}  # fmt: skip
#: Of DCAT 3, which rdflib does not know yet.
_VERSION = URIRef(f"{DCAT}version")
_AUTHORITY = Namespace("http://publications.europa.eu/resource/authority/")
_SORTS = Namespace("http://purl.org/adms/licencetype/")
_FEATURES = URIRef("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
#: The context of the JSON-LD, which goes into each document: one elsewhere would be downloaded at each harvest.
CONTEXT = {name: str(namespace) for name, namespace in _PREFIXES.items()}
TITLE = {"fr": "Données ouvertes de La carte de ma commune", "en": "Open data of La carte de ma commune"}
ABOUT = {
    "fr": "Les lieux que les habitants de France partagent et les limites officielles, en fichiers datés, chacun sous une seule "
    "licence. Les fichiers dont la licence interdit l’usage commercial sont signalés : ils ne sont pas des données ouvertes.",
    "en": "The places that inhabitants of France share, and the official limits, in dated files, each under one licence. Files "
    "whose licence forbids commercial use are marked: they are no open data.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """Where this part of the catalogue stands. `address`: of the first page as it was asked, without its number."""

    number: int
    last: int
    address: str

    def of(self, number: int) -> URIRef:
        """The address of a page."""
        return URIRef(f"{self.address}?page={number}")


def graph(entries: Sequence[Entry], page: Page) -> Graph:
    """One page of the catalogue. The same entries give the same triples in the same order."""
    made = Drawing()
    made.catalogue(entries, page)
    for entry in entries:
        made.dataset(entry)
    if page.number == 1:
        made.service(entries)
    return made.graph


class Drawing:
    """A graph under construction."""

    def __init__(self) -> None:
        self.graph = Graph()
        for name, namespace in _PREFIXES.items():
            self.graph.bind(name, namespace)
        self._blank = 0
        self._root = context.absolute("/")
        self._publisher = URIRef(f"{self._root}#publisher")
        self._french = self._labelled(_AUTHORITY["language/FRA"], DCTERMS.LinguisticSystem, "fr")
        self._public = self._labelled(_AUTHORITY["access-right/PUBLIC"], DCTERMS.RightsStatement, "public")
        self._daily = self._labelled(_AUTHORITY["frequency/DAILY"], DCTERMS.Frequency, "daily")

    def catalogue(self, entries: Sequence[Entry], page: Page) -> None:
        """The catalogue itself, its publisher, and the pages before and after."""
        settings, node = context.settings(), URIRef(context.absolute(url_for("catalogue.negotiated")))
        self._add(node, RDF.type, DCAT.Catalog, HYDRA.Collection)
        self._texts(node, DCTERMS.title, TITLE)
        self._texts(node, DCTERMS.description, ABOUT)
        self._add(node, DCTERMS.publisher, self._publisher)
        self._add(node, DCTERMS.language, self._french)
        self._add(node, FOAF.homepage, self._document(context.absolute(url_for("releases.index"))))
        self._add(node, DCAT.dataset, *(URIRef(entry.uri) for entry in entries))
        self._add(self._publisher, RDF.type, FOAF.Agent, FOAF.Organization)
        self._add(self._publisher, FOAF.name, Literal(settings.publisher))
        self._add(self._publisher, FOAF.homepage, self._document(self._root))
        if settings.contact:
            self._add(self._publisher, FOAF.mbox, URIRef(f"mailto:{settings.contact}"))
        view = page.of(page.number)
        self._add(node, HYDRA.view, view)
        self._add(view, RDF.type, HYDRA.PartialCollectionView)
        others = {HYDRA.first: 1, HYDRA.previous: page.number - 1, HYDRA.next: page.number + 1, HYDRA.last: page.last}
        for name, number in others.items():
            if 1 <= number <= page.last:
                self._add(view, name, page.of(number))

    def dataset(self, entry: Entry) -> None:
        """A dataset and its files."""
        node, landing = URIRef(entry.uri), self._document(entry.page)
        self._add(node, RDF.type, DCAT.Dataset)
        self._add(node, DCTERMS.identifier, Literal(entry.uri))
        self._texts(node, DCTERMS.title, entry.titles)
        self._texts(node, DCTERMS.description, entry.descriptions)
        self._add(node, DCTERMS.modified, self._modified(entry))
        self._add(node, _VERSION, Literal(entry.release.name))
        self._add(node, DCAT.keyword, *(Literal(word, lang="fr") for word in entry.keywords))
        code, title = entry.theme
        theme = _AUTHORITY[f"data-theme/{code}"]
        self._add(node, DCAT.theme, theme)
        self._add(theme, RDF.type, SKOS.Concept)
        self._add(theme, SKOS.prefLabel, Literal(title, lang="fr"))
        self._add(node, DCTERMS.accrualPeriodicity, self._daily)
        self._add(node, DCTERMS.language, self._french)
        self._add(node, DCTERMS.publisher, self._publisher)
        self._add(node, DCAT.contactPoint, self._contact())
        self._add(node, DCAT.landingPage, landing)
        self._add(node, DCTERMS.accessRights, self._public)
        licence = self._licence(entry.licence)
        rights = self._rights(entry)
        for about, value in ((DCTERMS.license, licence), (DCTERMS.rights, rights)):
            if value is not None:
                self._add(node, about, value)
        first, last = entry.period
        period = self._blank_node(DCTERMS.PeriodOfTime)
        self._add(node, DCTERMS.temporal, period)
        self._add(period, DCAT.startDate, Literal(first))
        self._add(period, DCAT.endDate, Literal(last))
        if entry.boxes:
            place = self._blank_node(DCTERMS.Location)
            self._add(node, DCTERMS.spatial, place)
            self._add(place, SKOS.prefLabel, Literal(entry.release.scope_name or "France", lang="fr"))
            self._add(place, DCAT.bbox, Literal(_wkt(entry.boxes), datatype=GEOSPARQL.wktLiteral))
        columns = self._columns(entry)
        self._add(node, DCTERMS.conformsTo, columns)
        for file in entry.files:
            self._add(node, DCAT.distribution, self._file(entry, file, landing, licence, rights, columns))

    def service(self, entries: Sequence[Entry]) -> None:
        """OGC API Features, on its own: udata skips a service that files name."""
        address = context.absolute(url_for("ogc.landing"))
        node = URIRef(address)
        self._add(URIRef(context.absolute(url_for("catalogue.negotiated"))), DCAT.service, node)
        self._add(node, RDF.type, DCAT.DataService)
        self._add(node, DCTERMS.identifier, Literal(address))
        self._texts(
            node,
            DCTERMS.title,
            {"fr": "OGC API Features : communes et lieux", "en": "OGC API Features: communes and places"},
        )
        self._texts(node, DCTERMS.description, {
            "fr": "Les mêmes données à la demande, filtrées (CQL2), triées, par pages, dans le système de coordonnées voulu. "
            "Chaque lieu porte sa licence, qui peut interdire l’usage commercial.",
            "en": "The same data on demand: filtered (CQL2), sorted, in pages, in the coordinate system you want. Each place bears "
            "its licence, which may forbid commercial use.",
        })  # fmt: skip
        self._add(node, DCAT.endpointURL, node)
        self._add(node, DCAT.endpointDescription, URIRef(context.absolute(url_for("ogc.api"))))
        self._add(node, DCTERMS.publisher, self._publisher)
        self._add(node, DCAT.contactPoint, self._contact())
        self._add(node, DCTERMS.accessRights, self._public)
        self._add(
            node,
            DCTERMS.conformsTo,
            self._titled(_FEATURES, DCTERMS.Standard, "OGC API – Features – Part 1: Core", "en"),
        )
        served = [entry for entry in entries if not entry.release.scope and entry.release.collection in COLLECTIONS]
        self._add(node, DCAT.servesDataset, *(URIRef(entry.uri) for entry in served))

    def _file(self, entry: Entry, file: ReleasedFile, landing: URIRef, licence: URIRef | None, rights: URIRef | None,
              columns: URIRef) -> URIRef:  # fmt: skip
        address, kind = entry.address(file.name), KINDS.get(file.format)
        node = URIRef(f"{entry.page}#{file.name}")
        self._add(node, RDF.type, DCAT.Distribution)
        self._add(node, DCTERMS.identifier, Literal(str(node)))
        self._add(
            node, DCTERMS.title, Literal(f"{entry.titles['fr']} — {kind.title if kind else file.format}", lang="fr")
        )
        rows = "" if file.rows is None else f", {file.rows} lignes"
        self._add(node, DCTERMS.description, Literal(f"Fichier {file.name}{rows}, renouvelé chaque jour.", lang="fr"))
        self._add(node, DCAT.accessURL, landing)
        self._add(node, DCAT.downloadURL, URIRef(address))
        self._add(node, DCAT.byteSize, Literal(str(file.bytes), datatype=XSD.nonNegativeInteger))
        self._add(node, DCTERMS.modified, self._modified(entry))
        checksum = self._blank_node(SPDX.Checksum)
        self._add(node, SPDX.checksum, checksum)
        self._add(checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256)
        self._add(checksum, SPDX.checksumValue, Literal(file.sha256))
        self._add(SPDX.checksumAlgorithm_sha256, RDF.type, SPDX.ChecksumAlgorithm)
        if kind:
            form = URIRef(kind.uri)
            self._add(form, RDF.type, DCTERMS.IMT, DCTERMS.MediaTypeOrExtent)
            self._add(form, RDFS.label, Literal(kind.label))
            self._add(node, DCTERMS["format"], form)
            if kind.is_registered:
                self._add(node, DCAT.mediaType, self._media(kind.media))
            else:  # where CKAN looks next
                self._add(form, RDF.value, Literal(kind.media))
            if kind.packed:
                packed = DCAT.packageFormat if kind.packed.endswith("/zip") else DCAT.compressFormat
                self._add(node, packed, self._media(kind.packed))
        if licence is not None:
            self._add(node, DCTERMS.license, licence)
        if rights is not None:
            self._add(node, DCTERMS.rights, rights)
        if file.format in ("csv", "excel"):
            self._add(node, DCTERMS.conformsTo, columns)
        return node

    def _licence(self, licence: str | None) -> URIRef | None:
        terms = terms_of(licence)
        if terms is None:
            return None
        node = self._titled(URIRef(terms.url), DCTERMS.LicenseDocument, terms.title)
        self._add(node, RDFS.label, Literal(terms.label))
        if terms.sort:
            sort = _SORTS[terms.sort]
            self._add(node, DCTERMS.type, sort)
            self._add(sort, RDF.type, SKOS.Concept)
            self._add(sort, SKOS.prefLabel, Literal(terms.sort, lang="en"))
        return node

    def _rights(self, entry: Entry) -> URIRef | None:
        if not entry.is_closed:
            return None
        return self._labelled(
            URIRef(f"{entry.address('LICENSE')}#{entry.stem}"), DCTERMS.RightsStatement, NON_COMMERCIAL["fr"]
        )

    def _columns(self, entry: Entry) -> URIRef:
        node = URIRef(entry.address("datapackage.json"))
        return self._titled(node, DCTERMS.Standard, "Colonnes et leur sens (Data Package)", "fr")

    def _contact(self) -> BNode:
        settings, node = context.settings(), self._blank_node(VCARD.Kind, VCARD.Organization)
        self._add(node, VCARD.fn, Literal(settings.publisher))
        if settings.contact:
            self._add(node, VCARD.hasEmail, URIRef(f"mailto:{settings.contact}"))
        self._add(node, VCARD.hasURL, URIRef(self._root))
        return node

    def _media(self, media: str) -> URIRef:
        return self._labelled(URIRef(media_uri(media)), DCTERMS.MediaType, media)

    def _modified(self, entry: Entry) -> Literal:
        return Literal(entry.release.cut_at.isoformat(timespec="seconds"), datatype=XSD.dateTime)

    def _document(self, address: str) -> URIRef:
        node = URIRef(address)
        self._add(node, RDF.type, FOAF.Document)
        return node

    def _labelled(self, node: URIRef, kind: URIRef, label: str) -> URIRef:
        self._add(node, RDF.type, kind)
        self._add(node, RDFS.label, Literal(label))
        return node

    def _titled(self, node: URIRef, kind: URIRef, title: str, language: str | None = None) -> URIRef:
        self._add(node, RDF.type, kind)
        self._add(node, DCTERMS.title, Literal(title, lang=language))
        return node

    def _blank_node(self, *kinds: URIRef) -> BNode:
        """One with a name that is the same each time: the order of what is written goes by it."""
        self._blank += 1
        node = BNode(f"b{self._blank:06}")
        self._add(node, RDF.type, *kinds)
        return node

    def _texts(self, node: Node, about: URIRef, texts: dict[str, str]) -> None:
        self._add(node, about, *(Literal(said, lang=language) for language, said in texts.items()))

    def _add(self, node: Node, about: URIRef, *values: Node) -> None:
        for value in values:
            self.graph.add((node, about, value))


def _wkt(boxes: Sequence[Box]) -> str:
    """Boxes as a polygon, several as a multipolygon: France with its overseas parts in one box would be most of the world."""
    rings = []
    for west, south, east, north in boxes:
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        rings.append("((" + ",".join(f"{round(lon, 5)} {round(lat, 5)}" for lon, lat in corners) + "))")
    return f"POLYGON{rings[0]}" if len(rings) == 1 else f"MULTIPOLYGON({','.join(rings)})"
