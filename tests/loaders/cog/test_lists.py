"""INSEE's, DGCL's and La Poste's lists in the forms they had since 2016."""

from __future__ import annotations

import datetime as dt

import pytest

from geoplatform.errors import BadSource
from loaders.cog import lists
from tests.making import workbook

COMMUNES = (
    "TYPECOM,COM,REG,DEP,CTCD,ARR,TNCC,NCC,NCCENR,LIBELLE,CAN,COMPARENT\n"
    '"COM","97407","04","974","974D","9742","2","PORT","Port","Le Port","97499",\n'
    '"COM","01001","84","01","01D","012","5","ABERGEMENT CLEMENCIAT","Abergement-Clémenciat",'
    '"L\'Abergement-Clémenciat","0108",\n'
    '"COMD","01015","","","","","1","ARBIGNIEU","Arbignieu","Arbignieu","","01015"\n'
)
FRANCE_2018 = (
    "CDC\tCHEFLIEU\tREG\tDEP\tCOM\tAR\tCT\tTNCC\tARTMAJ\tNCC\tARTMIN\tNCCENR\tACTUAL\n"
    "0\t0\t84\t01\t001\t2\t08\t5\t(L')\tABERGEMENT-CLEMENCIAT\t(L')\tAbergement-Clémenciat\t1\n"
    "0\t0\t04\t974\t07\t2\t99\t2\t(LE)\tPORT\t(Le)\tPort\t1\n"
    "0\t0\t84\t01\t003\t2\t01\t1\t\tAMAREINS\t\tAmareins\t3\n"
)


def put(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "cp1252"])
def test_names_come_from_libelle_and_delegated_communes_are_left_out(tmp_path, mark):
    found = lists.read([put(tmp_path, "v_commune_2026.csv", COMMUNES, mark)])
    assert found.year == 2026
    assert {code: one.name for code, one in found.communes.items()} == {
        "97407": "Le Port", "01001": "L'Abergement-Clémenciat",
    }  # fmt: skip
    assert (found.communes["01001"].department_code, found.communes["01001"].region_code) == ("01", "84")


def test_the_form_before_2019_latin_1_tabs_article_apart_and_no_padding(tmp_path):
    found = lists.read([put(tmp_path, "France2018.txt", FRANCE_2018, "latin-1")])
    assert found.year == 2018
    assert {code: one.name for code, one in found.communes.items()} == {
        "97407": "Le Port", "01001": "L'Abergement-Clémenciat",
    }  # fmt: skip
    bare = put(
        tmp_path, "France2017.txt", FRANCE_2018.replace("\t01\t", "\t1\t").replace("\t001\t", "\t1\t"), "latin-1"
    )
    assert "01001" in lists.read([bare]).communes


def test_overseas_communes_include_the_three_kingdoms_of_wallis_and_futuna(tmp_path):
    comer = (
        "COM_COMER,TNCC,NCC,NCCENR,LIBELLE,NATURE_ZONAGE,COMER,LIBELLE_COMER\n"
        "97502,0,SAINT PIERRE,Saint-Pierre,Saint-Pierre,COM,975,Saint-Pierre-et-Miquelon\n"
        "98611,1,ALO,Alo,Alo,CIR,986,Îles Wallis-et-Futuna\n"
        "98711,1,ANAA,Anaa,Anaa,COM,987,Polynésie française\n"
        "98411,4,ILES SAINT PAUL,Îles Saint-Paul,Îles Saint-Paul et Amsterdam,DIS,984,TAAF\n"
    )
    found = lists.read(
        [put(tmp_path, "v_commune_2026.csv", COMMUNES), put(tmp_path, "v_commune_comer_2026.csv", comer)]
    )
    assert {"97502", "98611", "98711"} <= found.communes.keys()
    assert "98411" not in found.communes
    assert any("1 entries are no communes" in note for note in found.notes)


def test_postal_codes_get_their_zeros_back_and_those_of_arrondissements_are_the_citys(tmp_path):
    post = (
        "#Code_commune_INSEE;Nom_commune;Code_postal;Ligne_5;Libellé_d_acheminement;coordonnees_gps\n"
        "01001;L ABERGEMENT CLEMENCIAT;1400;;L ABERGEMENT CLEMENCIAT;\n"
        "75101;PARIS 01;75001;;PARIS;\n75102;PARIS 02;75002;;PARIS;\n97407;LE PORT;97420;;LE PORT;\n"
    )
    found = lists.read([put(tmp_path, "laposte.csv", post, "cp1252"), put(tmp_path, "v_commune_2026.csv", COMMUNES)])
    assert found.postal_codes["01001"] == ["01400"]
    assert found.postal_codes["75056"] == ["75001", "75002"]
    assert any("1 postal codes had lost their leading zero" in note for note in found.notes)


def test_units_and_populations_and_the_spreadsheet_of_epci(tmp_path):
    put(tmp_path, "v_commune_2026.csv", COMMUNES)
    put(
        tmp_path,
        "v_region_2026.csv",
        "REG,CHEFLIEU,TNCC,NCC,NCCENR,LIBELLE\n4,97411,0,LA REUNION,La Réunion,La Réunion\n",
    )
    put(tmp_path, "v_departement_2026.csv", "DEP,REG,CHEFLIEU,TNCC,NCC,NCCENR,LIBELLE\n1,84,01053,5,AIN,Ain,Ain\n")
    put(tmp_path, "donnees.csv", "REG;DEP;COM;COMMUNE;PMUN\n84;01;01001;L'Abergement;859\n")
    workbook(tmp_path / "epcicom.xlsx", [
        ["dept", "siren", "raison_sociale", "nature_juridique", "insee"],
        ["01", 200029999.0, "CC Rives de l'Ain", "CC", "01001"],
        ["974", 249740119.0, "Territoire de la Côte Ouest", "CA", 97407.0],
    ])  # fmt: skip
    put(tmp_path, "LISEZ-MOI.md", "not a list")
    found = lists.read([tmp_path])
    assert [(unit.code, unit.name) for unit in found.regions] == [("04", "La Réunion")]
    assert [(unit.code, unit.parent_code) for unit in found.departments] == [("01", "84")]
    assert found.populations == {"01001": 859}
    assert found.epci_of == {"01001": "200029999", "97407": "249740119"}
    assert [unit.kind for unit in found.epci] == ["CC", "CA"]


MOVEMENTS = (
    "MOD,DATE_EFF,TYPECOM_AV,COM_AV,TNCC_AV,NCC_AV,NCCENR_AV,LIBELLE_AV,TYPECOM_AP,COM_AP,TNCC_AP,NCC_AP,NCCENR_AP,LIBELLE_AP\n"
    "32,2016-01-01,COM,1036,1,X,Béon,Béon,COM,1138,1,Y,Culoz,Culoz\n"
    "20,1985-01-01,COM,,,,,,COM,06162,1,Z,Duranus,Duranus\n"
)


def test_movements_get_their_zeros_back_and_those_without_a_code_are_told(tmp_path):
    found = lists.read([put(tmp_path, "mvt.csv", MOVEMENTS)])
    (only,) = found.movements
    assert (only.code_before, only.code_after, only.effective_on) == ("01036", "01138", dt.date(2016, 1, 1))
    assert found.notes == ["mvt.csv: 1 events name no code before or after, left out (lines 3)"]


def test_codes_that_only_the_list_since_1943_knows_have_ended_without_a_successor(tmp_path):
    since = (
        "COM,TNCC,NCC,NCCENR,LIBELLE,DATE_DEBUT,DATE_FIN\n"
        "01036,1,BEON,Béon,Béon,1943-01-01,2016-01-01\n"
        "55039,1,BEAUMONT,Beaumont,Beaumont,1943-01-01,1950-01-01\n"
        "55039,1,BEAUMONT,Beaumont,Beaumont-en-Verdunois,1950-01-01,1960-01-01\n"
        "01001,1,A,A,A,1943-01-01,1955-01-01\n01001,1,A,A,A,1955-01-01,\n"
    )
    found = lists.read([put(tmp_path, "v_commune_depuis_1943.csv", since), put(tmp_path, "mvt.csv", MOVEMENTS)])
    (_, ended) = found.movements
    assert (ended.code_before, ended.effective_on, ended.code_after) == ("55039", dt.date(1960, 1, 1), None)
    assert ended.name_before == "Beaumont-en-Verdunois"


SINCE_1943 = (
    "COM,TNCC,NCC,NCCENR,LIBELLE,DATE_DEBUT,DATE_FIN\n"
    "01036,1,BEON,Béon,Béon,1943-01-01,2023-01-01\n"
    "01138,1,CULOZ,Culoz,Culoz,1943-01-01,2023-01-01\n"
    "01138,1,CULOZ BEON,Culoz-Béon,Culoz-Béon,2023-01-01,\n"
    "20004,1,AJACCIO,Ajaccio,Ajaccio,1943-01-01,1976-01-01\n"
    "2A004,1,AJACCIO,Ajaccio,Ajaccio,1976-01-01,\n"
    "97601,1,ACOUA,Acoua,Acoua,2011-03-31,\n"
)


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2022, {"01036": "Béon", "01138": "Culoz", "2A004": "Ajaccio", "97601": "Acoua"}),
        (2023, {"01138": "Culoz-Béon", "2A004": "Ajaccio", "97601": "Acoua"}),  # the day of the merger itself
        (1975, {"01036": "Béon", "01138": "Culoz", "20004": "Ajaccio"}),
    ],
)
def test_communes_of_an_earlier_year_come_from_the_list_since_1943(tmp_path, year, expected):
    put(tmp_path, "2026_v_commune_depuis_1943.csv", SINCE_1943)
    put(tmp_path, "v_departement_2026.csv", "DEP,REG,CHEFLIEU,TNCC,NCC,NCCENR,LIBELLE\n1,84,01053,5,AIN,Ain,Ain\n")
    found = lists.read([tmp_path], year)
    assert (found.year, {code: one.name for code, one in found.communes.items()}) == (year, expected)
    assert (found.communes["01138"].department_code, found.communes["01138"].region_code) == ("01", "84")
    assert not lists.read([tmp_path]).communes  # nobody asked for a year


def test_a_list_of_communes_goes_before_the_one_since_1943(tmp_path):
    put(tmp_path, "v_commune_depuis_1943.csv", SINCE_1943)
    put(tmp_path, "v_commune_2026.csv", COMMUNES)
    assert lists.read([tmp_path], 2026).communes.keys() == {"97407", "01001"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"<!DOCTYPE html><html>", "web page"),
        ("a.csv", b"PK\x03\x04xxxx", "zip or xlsx"),
        ("a.csv", b"a,b\n1,2\n", "none of the known lists: its columns are a, b"),
        ("a.xlsx", b"not a spreadsheet", "no spreadsheet"),
        ("a.pdf", b"%PDF", "no list of the COG"),
        ("v_commune_2026.csv", COMMUNES.encode()[:-30], "line 4: unexpected end"),
        ("v_commune_2026.csv", COMMUNES.replace('"97407"', "").encode(), "line 2: no code"),
        ("mvt.csv", MOVEMENTS.replace("32,2016-01-01", "32,01/01/2016").encode(), "line 2: '01/01/2016' is not a day"),
        ("mvt.csv", MOVEMENTS.replace("32,2016", "fusion,2016").encode(), "line 2: MOD 'fusion' is no number"),
        ("mvt.csv", MOVEMENTS.split("\n")[0].encode() + b"\n", "holds no movement"),
        ("mvt.csv", b"MOD,DATE_EFF,COM_AV\n32,2016-01-01,01036\n", "has no column typecom_av"),
    ],
)
def test_a_wrong_list_is_refused_with_its_name_and_line(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadSource, match=told) as refused:
        lists.read([path])
    assert name in str(refused.value)
