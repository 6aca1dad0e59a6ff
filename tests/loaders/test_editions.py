"""Editions known by name, from their address to a staged vintage; their publishers' hosts are a server on the loopback."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import py7zr
import pytest
from click.testing import CliRunner, Result

from geoplatform.config import Settings
from geoplatform.errors import FetchFailed, Misuse
from geoplatform.progress import Progress
from geoplatform.session import Session
from loaders.cli import load
from loaders.files import fetch
from loaders.sources import catalogue
from tests.loaders.cog.test_lists import MOVEMENTS
from tests.loaders.sources.test_publishers import ADMIN_4, ADMIN_2022, AIN
from tests.making import written
from tests.serving import Server, serving

UNITS = {
    "v_departement_2026.csv": "DEP,REG,CHEFLIEU,TNCC,NCC,NCCENR,LIBELLE\n01,84,01053,5,AIN,Ain,Ain\n",
    "v_region_2026.csv": "REG,CHEFLIEU,TNCC,NCC,NCCENR,LIBELLE\n84,69123,1,X,X,Auvergne-Rhône-Alpes\n",
    "v_commune_comer_2026.csv": "COM_COMER,TNCC,NCC,NCCENR,LIBELLE,NATURE_ZONAGE,COMER,LIBELLE_COMER\n",
    "v_mvt_commune_2026.csv": MOVEMENTS,
    "v_commune_depuis_1943.csv": "COM,LIBELLE,DATE_DEBUT,DATE_FIN\n"
    "01001,L'Abergement,1943-01-01,\n01002,Ancienne,1943-01-01,1960-01-01\n"
    "01036,Béon,1943-01-01,2023-01-01\n01138,Culoz,1943-01-01,2023-01-01\n01138,Culoz-Béon,2023-01-01,\n",
    "v_commune_2026.csv": "TYPECOM,COM,REG,DEP,LIBELLE\nCOM,01001,84,01,L'Abergement\n"
    "COM,01036,84,01,Béon\nCOM,01138,84,01,Culoz\n",
}


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.0)
    with serving() as running:
        for name in ("_IGN", "_INSEE"):
            host = running.url("")
            monkeypatch.setattr(catalogue, name, host + getattr(catalogue, name).removeprefix("https://"))
        running.files = {name: text.encode() for name, text in UNITS.items()}
        yield running


def archive(folder: Path, year: int) -> tuple[str, bytes]:
    """IGN's archive of a year, with the communes in the schema of that year."""
    name = Path(catalogue.edition(f"admin-express-cog:{year}")[0].file)
    inside = folder / name.stem / "1_DONNEES_LIVRAISON"
    inside.mkdir(parents=True)
    if year >= 2025:
        written(inside / "ADE-COG.gpkg", ADMIN_4, AIN, layer="commune")
    else:
        written(inside / "COMMUNE.shp", ADMIN_2022, AIN, encoding="UTF-8")
    (inside / "LISEZ-MOI.pdf").write_bytes(bytes(range(256)) * 4000)
    with py7zr.SevenZipFile(folder / name, "w", filters=[{"id": py7zr.FILTER_COPY}]) as packed:
        packed.writeall(folder / name.stem, name.stem)
    return name.name, (folder / name).read_bytes()


def run(database, folder: Path, *words: str) -> Result:
    settings = Settings(data_dir=folder / "data", database_url=database.url())
    with Session(settings, Progress(io.StringIO())) as session:
        return CliRunner().invoke(load, words, obj=session)


@pytest.mark.parametrize("year", [2022, 2026])
def test_a_known_edition_with_its_lists_from_two_hosts_is_staged(database, server, tmp_path, year):
    name, content = archive(tmp_path, year)
    server.files[name] = content
    server.most = 100_000  # every transfer breaks off there, and goes on
    done = run(database, tmp_path, "communes", f"admin-express-cog:{year}", "--cog", f"cog:{year}")
    assert done.exit_code == 0, done.exception
    assert f"exactly those of the Code officiel géographique {year}" in done.output
    named = [("01001", "L'Abergement"), ("01036", "Béon"), ("01138", "Culoz")]
    assert database.rows("SELECT code, name FROM geoplatform.commune ORDER BY code") == named
    assert database.rows("SELECT year, source_file, attribution FROM geoplatform.vintage") == [
        (year, name, f"IGN, ADMIN EXPRESS COG édition {year}")
    ]
    assert f"/data.geopf.fr/telechargement/download/ADMIN-EXPRESS-COG/{name[:-3]}/{name}" in server.paths
    assert "/www.insee.fr/fr/statistiques/fichier/8740222/v_mvt_commune_2026.csv" in server.paths
    begun = [int(told[6:-1]) for told in server.asked if told]
    assert len(begun) >= 9 and begun[0] <= server.most  # more often than a host that gives nothing is asked
    asked = len(server.paths)
    again = run(database, tmp_path, "communes", f"admin-express-cog:{year}", "--cog", f"cog:{year}")
    assert (again.exit_code, len(server.paths)) == (0, asked)  # all of it is kept


def test_movements_by_name_come_with_the_list_since_1943(database, server, tmp_path):
    assert run(database, tmp_path, "cog", "cog:2019").exit_code == 0
    moved = database.rows("SELECT code_before, code_after FROM geoplatform.movement ORDER BY ordinal")
    assert ("01036", "01138") in moved and ("01002", None) in moved
    two = run(database, tmp_path, "cog", "cog:2019", "cog:2026")
    assert isinstance(two.exception, Misuse)


def test_an_altered_archive_is_refused_and_fetched_again_the_next_time(database, server, tmp_path):
    name, content = archive(tmp_path, 2026)
    server.files[name] = content
    assert run(database, tmp_path, "communes", "admin-express-cog:2026").exit_code == 0
    kept = tmp_path / "data" / "cache" / name
    kept.write_bytes(content[:-1] + b"x")
    refused = run(database, tmp_path, "communes", "admin-express-cog:2026")
    assert "is truncated or altered" in str(refused.exception)
    assert run(database, tmp_path, "communes", "admin-express-cog:2026").exit_code == 0
    assert kept.read_bytes() == content


def test_a_host_that_does_not_answer_is_told_with_the_file_to_put_there(database, tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.0)
    monkeypatch.setattr(catalogue, "_IGN", f"http://127.0.0.1:{port}/{{name}}.7z")
    refused = run(database, tmp_path, "communes", "admin-express-cog:2026")
    assert isinstance(refused.exception, FetchFailed)
    name, content = archive(tmp_path, 2026)
    for told in (f"http://127.0.0.1:{port}/{name} cannot be fetched", "Connection refused", f"as {name} yourself"):
        assert told in str(refused.exception)
    assert database.rows("SELECT count(*) FROM geoplatform.vintage") == [(0,)]
    (tmp_path / "data" / "cache" / name).write_bytes(content)
    assert run(database, tmp_path, "communes", "admin-express-cog:2026").exit_code == 0


def test_a_list_that_the_host_does_not_have_is_named(database, server, tmp_path):
    del server.files["v_commune_comer_2026.csv"]
    refused = run(database, tmp_path, "cog", "cog:2026")
    assert "fichier/8740222/v_commune_comer_2026.csv cannot be fetched: 404" in str(refused.exception)
    assert database.rows("SELECT count(*) FROM geoplatform.movement") == [(0,)]
