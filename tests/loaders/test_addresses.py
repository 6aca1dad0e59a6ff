"""Addresses of the BAN: what is stored of a file, what takes the place of what, and what is refused with its place."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from geoplatform.errors import BadSource
from geoplatform.progress import Progress
from geoplatform.store import addresses as kept
from loaders import addresses
from tests.geoplatform.test_cli import geoplatform
from tests.making import BAN, ban, ban_line

ALL = """
    SELECT s.insee_code, s.commune_code, s.name, s.postal_code, s.former_name, a.number, a.suffix, a.ban_id
    FROM geoplatform.street AS s JOIN geoplatform.address AS a ON a.street_id = s.id
    ORDER BY s.insee_code, s.name, a.number, a.suffix
"""


def load(database, path: Path) -> tuple[kept.Replaced, str]:
    """What was stored, and what the closing line says."""
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    said = io.StringIO()
    with Progress(said).step("addresses") as step:
        done = addresses.load(database.store("geoplatform_loader"), path, scratch, step)
    return done, said.getvalue()


def labels(connection: Connection, words: str, commune: str | None = None, limit: int = 8) -> list[str]:
    found = kept.find(connection, words, limit, commune)
    return [
        " ".join(part for part in (str(one.number or ""), one.suffix, one.street, one.commune_name) if part)
        for one in found
    ]


@pytest.mark.parametrize("name", ["adresses-974.csv", "adresses-974.csv.gz", "saint-denis.csv"])
def test_a_file_is_stored_street_by_street(database, tmp_path, name):
    path = ban(
        tmp_path / name,
        ban_line(2, lon=55.02),
        ban_line(2, suffix="BIS", lon=55.03),
        ban_line(10, lon=55.04),
        ban_line(7, "Chemin de l'Église", way="00a1", postal="", former="L'Ancienne"),
        ban_line(1, "Rue des Deux; Ravines", "97402", city="Commune B", way="0002"),
    )
    done, said = load(database, path)
    assert done == kept.Replaced(streets=3, stored=5, repeated=0, removed=0, communes=2)
    assert "5 addresses in 3 streets of 2 communes, in place of 0  (" in said
    assert database.rows(ALL) == [
        ("97401", "97401", "Chemin de l'Église", None, "L'Ancienne", 7, "", "97401_00a1_00007"),
        ("97401", "97401", "Rue de la Paix", "97400", None, 2, "", "97401_0080_00002"),
        ("97401", "97401", "Rue de la Paix", "97400", None, 2, "bis", "97401_0080_00002_BIS"),
        ("97401", "97401", "Rue de la Paix", "97400", None, 10, "", "97401_0080_00010"),
        ("97402", "97402", "Rue des Deux; Ravines", "97400", None, 1, "", "97402_0002_00001"),
    ]
    middle = database.rows(
        "SELECT ban_id, ST_X(geom), ST_Y(geom) FROM geoplatform.street WHERE name = 'Rue de la Paix'"
    )
    assert middle == [("97401_0080", 55.03, -21.59)]


def test_a_file_named_after_a_department_takes_the_place_of_all_of_it(database, tmp_path):
    load(database, ban(tmp_path / "adresses-974.csv", ban_line(1), ban_line(1, code="97402", city="Commune B")))
    load(database, ban(tmp_path / "adresses-01.csv", ban_line(1, code="01001", lon=5.0, lat=46.1)))
    done, _ = load(database, ban(tmp_path / "adresses-974.csv", ban_line(5), ban_line(6)))
    assert (done.stored, done.removed) == (2, 2)
    assert [row[0] for row in database.rows(ALL)] == ["01001", "97401", "97401"]


def test_another_file_takes_the_place_of_the_communes_it_holds(database, tmp_path):
    load(database, ban(tmp_path / "adresses-974.csv", ban_line(1), ban_line(1, code="97402", city="Commune B")))
    done, _ = load(database, ban(tmp_path / "b.csv", ban_line(8, code="97402", city="Commune B")))
    assert (done.stored, done.removed) == (1, 1)
    assert [(row[0], row[5]) for row in database.rows(ALL)] == [("97401", 1), ("97402", 8)]


def test_addresses_of_an_arrondissement_are_the_citys(database, tmp_path):
    load(database, ban(tmp_path / "adresses-75.csv", ban_line(1, code="75107", postal="75007", lon=2.3, lat=48.8)))
    assert [row[:2] for row in database.rows(ALL)] == [("75107", "75056")]
    with database.store("geoplatform_web").reading() as connection:
        assert labels(connection, "1 rue de la paix", "75056") == ["1 Rue de la Paix Commune A"]


def test_what_lacks_something_or_repeats_is_left_out_and_told(database, tmp_path):
    path = ban(
        tmp_path / "adresses-974.csv",
        ban_line(1), ban_line(1, id="97401_0080_00001_x"), ban_line(2, lon="", lat=""), ban_line("", id="97401_0080_0"),
        ban_line(3, street=""), ban_line(4, street="", way="0081"),
    )  # fmt: skip
    done, said = load(database, path)
    assert (done.stored, done.repeated) == (1, 1)
    assert "left out: 1 without a number, 1 without a position, 2 without a street, 1 that repeat a number of" in said


HERE = ban_line(1)


@pytest.mark.parametrize(
    ("lines", "told", "facts"),
    [
        ([HERE, ban_line(2, lon="55,01")], "line 3: lon '55,01' is no number of degrees", (3, "lon", "55,01")),
        ([ban_line(lon="")], "line 2: lon is no number of degrees", (2, "lon", None)),
        ([ban_line(lat="nan")], "line 2: lat 'nan' is no latitude: is not a finite", (2, "lat", "nan")),
        ([ban_line(lon=181)], "line 2: lon '181' is no longitude: 181.0 is outside -180..180", (2, "lon", "181")),
        ([ban_line(lat="1e400")], "line 2: lat '1e400' is no latitude", (2, "lat", "1e400")),
        ([ban_line(lon=-21.59, lat=55.01)], "lon '-21.59' is not between 55 and 56", (2, "lon", "-21.59")),
        ([ban_line(lat=-20.0)], "lat '-20.0' is not between -21.6 and -20.7", (2, "lat", "-20.0")),
        ([ban_line("douze")], "line 2: numero 'douze' is no number of up to five digits", (2, "numero", "douze")),
        ([ban_line(100000)], "numero '100000' is no number", (2, "numero", "100000")),
        ([ban_line("1²")], "numero '1²' is no number", (2, "numero", "1²")),
        ([ban_line(-1)], "numero '-1' is no number", (2, "numero", "-1")),
        ([ban_line(code="hello")], "code_insee 'hello' is no INSEE code", (2, "code_insee", "hello")),
        ([ban_line(code="97901")], "code_insee '97901' is no INSEE code", (2, "code_insee", "97901")),
        ([ban_line(code="01001", lon=5, lat=46)], "code_insee '01001' is not of the department 974", (2, "code_insee", "01001")),
        ([ban_line(postal="9740")], "code_postal '9740' is no postal code", (2, "code_postal", "9740")),
        ([ban_line(city="")], "nom_commune is empty", (2, "nom_commune", None)),
        ([ban_line(street="x" * 201)], "nom_voie 'x.*' is longer than 200 signs", (2, "nom_voie", "x" * 201)),
        ([ban_line(id="12")], "id '12' is not INSEE code, street and number", (2, "id", "12")),
        ([HERE, ";".join(HERE.split(";")[:11])], "line 3: 11 cells, the header has 23: is the file cut off", (3, None, None)),
        ([HERE, '"' + HERE], "line 3: unexpected end of data", (3, None, None)),
        ([], "holds no address", (None, None, None)),
        ([ban_line(lon="", lat="")], "holds no address", (None, None, None)),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_and_nothing_is_half_written(database, tmp_path, lines, told, facts):
    path = tmp_path / "adresses-974.csv"
    load(database, ban(path, ban_line(99)))
    with pytest.raises(BadSource, match=told) as refused:
        load(database, ban(path, *lines))
    assert str(path) in str(refused.value)
    assert tuple(refused.value.facts.get(fact) for fact in ("row", "field", "value")) == facts
    assert [row[5] for row in database.rows(ALL)] == [99]


LATIN = f"{BAN}\n{HERE}\n{ban_line(2, 'Rue de l’Étang')}\n".encode()
PACKED = gzip.compress("\n".join([BAN, *(ban_line(n) for n in range(5000))]).encode())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("adresses-974.csv.gz", PACKED[: len(PACKED) // 2], "damaged or truncated"),
        ("adresses-974.csv.gz", PACKED[:-4], "damaged or truncated"),
        ("adresses-974.csv.gz", PACKED[:200] + b"\xff" * 50 + PACKED[250:], "damaged or truncated"),
        ("adresses-974.csv.gz", BAN.encode(), "damaged or truncated: Not a gzipped file"),
        ("adresses-974.csv.gz", gzip.compress(b"0" * (100 << 20)), "unpacks to more than"),
        ("adresses-974.csv", PACKED, "is a gzip file, not a text"),
        ("adresses-974.csv", LATIN.replace("É".encode(), b"\xc9"), "line 3: byte 0xc9 is not UTF-8"),
        ("adresses-974.csv", LATIN.decode().encode("utf-16"), "is not UTF-8|bytes that are 0"),
        ("adresses-974.csv", LATIN.replace(b"Paix", b"P\0x"), "bytes that are 0"),
        ("adresses-974.csv", b"", "is empty"),
        ("adresses-974.csv", b"<!DOCTYPE html><html>404", "is a web page"),
        ("lieux-dits-974-beta.csv", b"id;nom_lieu_dit\n1;2\n", "has no column numero, nom_voie, code_postal.*it has id"),
        ("communes.geojson", b"{}", "is no file of addresses"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_and_nothing_is_half_written(database, tmp_path, name, content, told):
    load(database, ban(tmp_path / "before.csv", ban_line(99)))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSource, match=told) as refused:
        load(database, tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)
    assert [row[5] for row in database.rows(ALL)] == [99]


def test_a_file_that_is_not_there_is_told(database, tmp_path):
    with pytest.raises(BadSource, match="there is no such file"):
        load(database, tmp_path / "adresses-974.csv")


def test_the_command_loads_files_and_ends_with_1_where_one_is_refused(database, tmp_path):
    good, bad = ban(tmp_path / "adresses-974.csv.gz", ban_line(1)), ban(tmp_path / "b.csv", ban_line("x"))
    environment = {"GEOPLATFORM_DATA": str(tmp_path / "data")}
    done = geoplatform(database, "load", "addresses", str(good), **environment)
    assert (done.returncode, "1 addresses in 1 streets of 1 communes" in done.stderr) == (0, True), done.stderr
    refused = geoplatform(database, "load", "addresses", str(good), str(bad), **environment)
    assert refused.returncode == 1
    assert f"geoplatform: {bad}, line 2: numero 'x' is no number" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert geoplatform(database, "load", "addresses", **environment).returncode == 2
    assert len(database.rows(ALL)) == 1


@pytest.fixture
def village(database, tmp_path):
    """A connection of the web's to a few streets of two communes."""
    a, b = (
        {"code": "97401", "city": "Saint-Louis", "postal": "97450"},
        {"code": "97402", "city": "La Possession", "postal": "97419"},
    )
    load(database, ban(
        tmp_path / "adresses-974.csv",
        ban_line(12, "Rue de la Paix", way="0001", **a), ban_line(12, "Rue de la Paix", way="0001", suffix="bis", **a),
        ban_line(12, "Rue de la Paix Dieu", way="0002", **a), ban_line(3, "Boulevard de l’Église", way="0003", **a),
        ban_line(8, "Rue du 8 Mai 1945", way="0004", **a), ban_line(1, "Allée des Cœurs", way="0005", **a),
        ban_line(5, "Chemin Saint-Louis", way="0006", former="Le Vieux Bourg", **a),
        ban_line(12, "Rue de la Paix", way="0001", **b), ban_line(40, "Avenue du Général de Gaulle", way="0002", **b),
    ))  # fmt: skip
    with database.store("geoplatform_web").reading() as connection:
        yield connection


PAIX, DIEU = "Rue de la Paix Saint-Louis", "Rue de la Paix Dieu Saint-Louis"


@pytest.mark.parametrize(
    ("words", "commune", "expected"),
    [
        ("12 rue de la paix", "97401", [f"12 {PAIX}", "12 bis Rue de la Paix Saint-Louis", f"12 {DIEU}"]),
        ("12 bis rue de la paix", "97401", ["12 bis Rue de la Paix Saint-Louis", f"12 {PAIX}", f"12 {DIEU}"]),
        ("12BIS, RUE DE LA PAIX DIEU", None, [f"12 {DIEU}"]),
        ("12 r de la paix possession", None, ["12 Rue de la Paix La Possession"]),
        ("rue de la paix", "97401", [PAIX, DIEU]),
        ("13 rue de la paix", "97401", [PAIX, DIEU]),
        ("rue paix st louis", None, [PAIX, DIEU]),
        ("paix 97419", None, ["Rue de la Paix La Possession"]),
        ("bd de l'eglise", None, ["Boulevard de l’Église Saint-Louis"]),
        ("3 BLVD DE L’ÉGLISE", None, ["3 Boulevard de l’Église Saint-Louis"]),
        ("av gen gaul", None, ["Avenue du Général de Gaulle La Possession"]),
        ("rue du 8 mai 1945", None, ["Rue du 8 Mai 1945 Saint-Louis"]),
        ("8 mai", None, ["8 Rue du 8 Mai 1945 Saint-Louis"]),
        ("allee des coeurs", None, ["Allée des Cœurs Saint-Louis"]),
        ("5 chemin vieux bourg", None, ["5 Chemin Saint-Louis Saint-Louis"]),
        ("rue de la p", "97402", ["Rue de la Paix La Possession"]),
        ("rue de la paix", "97499", []),
        ("rue de la guerre", None, []),
        ("", None, []),
        ("???", None, []),
        ("'; DROP TABLE geoplatform.street; --", None, []),
        ("rue & !paix | (:*", "97402", ["Rue de la Paix La Possession"]),
        ("rue de la paix", "'| !x:*", []),
        ("123456789012345678901234567890 rue", None, []),
        ("rue " * 50 + "paix", "97402", ["Rue de la Paix La Possession"]),
    ],
)  # fmt: skip
def test_an_address_is_found_by_its_words(village, words, commune, expected):
    assert labels(village, words, commune) == expected


def test_where_addresses_are_kept_is_known(village):
    assert [kept.are_kept(village, code) for code in (None, "97401", "97499")] == [True, True, False]


def test_a_search_reaches_its_indexes(database):
    """In 20,000 streets of 40 communes, which a scan would read through."""
    with database.connect() as connection:
        connection.execute("""
            INSERT INTO geoplatform.street (ban_id, name, insee_code, commune_code, commune_name, geom)
            SELECT n::text, 'Rue du ' || md5(n::text), '974' || to_char(n % 40, 'FM00'), '974' || to_char(n % 40, 'FM00'),
                   'Commune ' || n % 40, ST_SetSRID(ST_MakePoint(55.5, -21), 4326) FROM generate_series(1, 20000) AS n
        """)
        connection.execute("""
            INSERT INTO geoplatform.address (street_id, number, suffix, ban_id, geom)
            SELECT s.id, n, '', s.ban_id, s.geom FROM geoplatform.street AS s, generate_series(1, 5) AS n
        """)
        connection.execute("SELECT geoplatform.analyse_addresses()")
        plans: list[str] = []
        connection.add_notice_handler(lambda told: plans.append(told.message_primary or ""))
        connection.execute("LOAD 'auto_explain'")
        for name, value in (("auto_explain.log_min_duration", "0"), ("auto_explain.log_nested_statements", "on"),
                            ("client_min_messages", "log")):  # fmt: skip
            connection.execute(psycopg.sql.SQL("SET {} = {}").format(psycopg.sql.SQL(name), value))
        for commune in (None, "97411"):
            plans.clear()
            connection.execute("SELECT * FROM published.find_addresses('3 rue du c4', %s, 8)", (commune,))
            (plan,) = [one for one in plans if "CTE candidate" in one]
            assert "Bitmap Index Scan on street_words" in plan
            assert "Index Scan using address_pkey" in plan
            assert "Seq Scan" not in plan
