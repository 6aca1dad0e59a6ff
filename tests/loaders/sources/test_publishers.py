"""Every publisher's schema, as its files spell it: recognised by its fields, read by name, in its own system."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import numpy as np
import py7zr
import pytest
import shapely

from geoplatform.errors import BadSource
from loaders.boundaries import Communes
from loaders.cog import lists, overlay
from loaders.sources.ign import ADMIN_EXPRESS
from loaders.sources.official import Told, boundary_set
from tests.making import squares, written, zipped

AIN = squares(5.0, 46.0, 3)
OVERSEAS = {"97502": (-56.3, 46.8), "97701": (-62.85, 17.9), "97801": (-63.1, 18.05)}
ADMIN_2017 = {
    "ID": ["a", "b", "c"], "NOM_COM": ["Abergement", "Béon", "Çulo"], "INSEE_COM": ["01001", "01036", "01138"],
    "STATUT": ["Commune simple"] * 3, "INSEE_ARR": ["2", "2", "2"], "INSEE_DEP": ["01"] * 3, "INSEE_REG": ["84"] * 3,
    "CODE_EPCI": ["200069193", "ZZZZZZZZZ", "NR"], "POPULATION": [767, 400, 2900],
}  # fmt: skip
ADMIN_2022 = {
    "ID": ["a", "b", "c"], "NOM": ["Abergement", "Béon", "Çulo"], "NOM_M": ["A", "B", "C"],
    "INSEE_COM": ["01001", "01036", "01138"], "STATUT": ["Commune simple"] * 3, "POPULATION": [767, 400, 2900],
    "INSEE_CAN": ["08"] * 3, "INSEE_ARR": ["2"] * 3, "INSEE_DEP": ["01"] * 3, "INSEE_REG": ["84"] * 3,
    "SIREN_EPCI": ["200069193", "NC", "200040350/200069193"],
}  # fmt: skip
ADMIN_4 = {
    "cleabs": ["a", "b", "c"], "code_insee": ["01001", "01036", "01138"], "nom_officiel": ["Abergement", "Béon", "Çulo"],
    "statut": ["Commune simple"] * 3, "code_insee_du_departement": ["01"] * 3, "code_insee_de_la_region": ["84"] * 3,
    "codes_siren_des_epci": ["200069193", None, "200040350/200069193"], "code_postal": ["01400", "01350", "01350/01355"],
    "population": [767, 400, 2900], "superficie_cadastrale": [1500, 1000, 3600],
}  # fmt: skip
GEOFLA = {
    "ID_GEOFLA": ["1", "2", "3"], "CODE_COM": ["001", "036", "138"], "INSEE_COM": ["01001", "01036", "01138"],
    "NOM_COM": ["ABERGEMENT", "BEON", "CULOZ"], "CODE_DEPT": ["01"] * 3, "CODE_REG": ["82"] * 3, "POPULATION": [767, 400, 2900],
}  # fmt: skip


def read(path: Path, scratch: Path, **told: object) -> tuple[Communes, object]:
    with boundary_set(path, scratch, Told(**{"year": 2022, **told})) as found:
        return Communes.joined(list(found.communes())), found


@pytest.fixture
def scratch(tmp_path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def close(shape, square):
    """To half a metre: the systems differ by decimetres, a straight edge of Lambert-93 is none on the sphere."""
    return shapely.hausdorff_distance(shape, square) < 5e-6


@pytest.mark.parametrize(
    ("name", "columns", "crs", "epci", "people"),
    [
        ("COMMUNE.shp", ADMIN_2017, "EPSG:2154", ["200069193", None, None], 767),
        ("COMMUNE.shp", ADMIN_2022, "EPSG:4326", ["200069193", None, "200040350"], 767),
        ("commune.gpkg", ADMIN_4, "EPSG:4326", ["200069193", None, "200040350"], 767),
        ("COMMUNE.shp", GEOFLA, "EPSG:2154", [None, None, None], 767),
        ("commune.fgb", ADMIN_4, "EPSG:3857", ["200069193", None, "200040350"], 767),
    ],
)
def test_a_schema_is_recognised_and_read(tmp_path, scratch, name, columns, crs, epci, people):
    options = {"encoding": "UTF-8"} if name.endswith("shp") else {}
    if name.endswith("fgb"):
        options = {"SPATIAL_INDEX": "NO"}  # it sorts the features otherwise
    communes, found = read(written(tmp_path / name, columns, AIN, crs, **options), scratch)
    assert communes.codes == ["01001", "01036", "01138"]
    assert [name.casefold()[:4] for name in communes.names] in (["aber", "béon", "çulo"], ["aber", "beon", "culo"])
    assert communes.department_codes == ["01"] * 3
    assert communes.epci_codes == epci
    assert communes.populations[0] == people
    assert all(close(a, b) for a, b in zip(communes.shapes, AIN, strict=True))
    assert any("coordinates from" in note for note in found.notes)


def test_postal_codes_and_the_other_layers_of_schema_4(tmp_path, scratch):
    path = written(tmp_path / "admin.gpkg", ADMIN_4, AIN, layer="commune", geometry_name="geometrie")
    cities = {**ADMIN_4, "code_insee": ["75101", "75102", "75103"]}
    written(path, cities, squares(2.3, 48.8, 3), layer="arrondissement_municipal", geometry_name="geometrie")
    units = {"code_insee": ["977", "978", "972"], "nom_officiel": ["Saint-Barthélemy", "Saint-Martin", "Martinique"]}
    places = [shapely.box(x, y, x + 0.02, y + 0.02) for x, y in (*list(OVERSEAS.values())[1:], (-61.0, 14.6))]
    written(path, units, places, layer="collectivite_territoriale", geometry_name="geometrie")
    written(path, {"code_insee": ["01"], "nom_officiel": ["Ain"], "code_insee_de_la_region": ["84"]},
            [shapely.union_all(AIN)], layer="departement", geometry_name="geometrie")  # fmt: skip
    written(path, {"code_insee": ["84"], "nom_officiel": ["Auvergne-Rhône-Alpes"]}, [shapely.union_all(AIN)],
            layer="region", geometry_name="geometrie")  # fmt: skip
    written(path, {"code_siren": ["200069193"], "nom_officiel": ["CC de la Dombes"]}, [AIN[0]],
            layer="epci", geometry_name="geometrie")  # fmt: skip
    communes, found = read(path, scratch)
    assert communes.codes == ["01001", "01036", "01138", "97701", "97801"]  # no arrondissement
    assert communes.names[3:] == ["Saint-Barthélemy", "Saint-Martin"]
    assert communes.department_codes[3:] == [None, None]
    assert communes.postal_codes[2] == ["01350", "01355"]
    assert [(unit.code, unit.name, unit.parent_code) for unit in found.departments] == [("01", "Ain", "84")]
    assert [unit.code for unit in found.regions] == ["84"]
    assert [(unit.code, unit.name) for unit in found.epci] == [("200069193", "CC de la Dombes")]


def test_saint_pierre_et_miquelon_among_the_communes_has_no_department(tmp_path, scratch):
    columns = {
        "INSEE_COM": ["97502"],
        "NOM": ["Saint-Pierre"],
        "INSEE_DEP": ["NR"],
        "INSEE_REG": ["NR"],
        "SIREN_EPCI": ["NR"],
    }
    square = shapely.box(-56.3, 46.8, -56.2, 46.85)
    path = written(tmp_path / "COMMUNE.shp", columns, [square], "EPSG:4467", encoding="UTF-8")
    communes, _ = read(path, scratch)
    assert (communes.codes, communes.department_codes, communes.region_codes) == (["97502"], [None], [None])
    assert close(communes.shapes[0], square)


ETALAB = {
    "code": ["01001", "75056", "75101", "97701"], "nom": ["Abergement", "Paris", "Paris 1er", "Saint-Barthélemy"],
    "departement": ["01", "75", "75", "977"], "region": ["84", "11", "11", None], "epci": ["200069193", None, None, None],
    "commune": [None, None, "75056", None],
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
def test_etalab_plain_or_packed_without_the_arrondissements_that_name_their_commune(tmp_path, scratch, packed):
    shapes = [
        AIN[0],
        shapely.box(2.3, 48.8, 2.4, 48.9),
        shapely.box(2.3, 48.8, 2.35, 48.9),
        shapely.box(-62.9, 17.87, -62.8, 17.97),
    ]
    path = written(tmp_path / "communes-2022-50m.geojson", ETALAB, shapes)
    if packed:
        path = Path(f"{path}.gz")
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    communes, found = read(path, scratch, year=None)
    assert communes.codes == ["01001", "75056", "97701"]
    assert communes.department_codes == ["01", "75", None]
    assert (found.edition.year, found.edition.precision_m) == (2022, 50)


def test_georep_and_polynesia_unite_the_parts_of_a_commune(tmp_path, scratch):
    islands = [shapely.box(166.4, -22.3, 166.5, -22.2), shapely.box(166.6, -22.3, 166.7, -22.2)]
    georep = {"code_com": ["98818", "98818"], "nom_minus": ["Nouméa", "Nouméa"]}
    communes, found = read(written(tmp_path / "a.gpkg", georep, islands, "EPSG:3163"), scratch)
    assert communes.codes == ["98818"]
    assert close(communes.shapes[0], shapely.union_all(islands))
    assert "3163" in " ".join(found.notes)
    tahiti = [shapely.box(-149.6, -17.6, -149.5, -17.5), shapely.box(-149.5, -17.6, -149.4, -17.5)]
    columns = {"code_com_i": ["98735", "98735"], "nom": ["Uturoa", "Uturoa"]}
    communes, _ = read(written(tmp_path / "b.gpkg", columns, tahiti, "EPSG:3297"), scratch)
    assert (communes.codes, shapely.get_num_geometries(communes.shapes[0])) == (["98735"], 1)


def test_openstreetmap_carries_its_licence(tmp_path, scratch):
    columns = {"insee": ["01001"], "nom": ["Abergement"], "wikipedia": ["fr:A"], "surf_ha": [1500]}
    communes, found = read(written(tmp_path / "communes-20220101.shp", columns, AIN[:1], encoding="UTF-8"), scratch)
    assert (communes.codes, found.edition.licence) == (["01001"], "ODbL-1.0")


def test_any_file_with_its_fields_named_by_the_operator(tmp_path, scratch):
    columns = {"commune": [1001, 1036, 1138], "label": ["A", "B", "C"], "people": ["1,5", "x", "3"]}
    path = written(tmp_path / "x.geojson", columns, AIN)
    fields = {"code": "commune", "name": "label", "population": "people"}
    communes, found = read(path, scratch, fields=fields, licence="CC-BY-4.0", attribution="Moi", precision_m=3.0)
    assert (communes.codes, communes.populations) == (["01001", "01036", "01138"], [2, None, 3])
    assert (found.edition.licence, found.edition.attribution, found.edition.precision_m) == ("CC-BY-4.0", "Moi", 3.0)


@pytest.mark.parametrize("suffix", [".zip", ".7z"])
def test_an_archive_is_opened_in_place(tmp_path, scratch, suffix):
    folder = tmp_path / "ADMIN-EXPRESS-COG_3-1" / "1_DONNEES"
    folder.mkdir(parents=True)
    shape = written(folder / "COMMUNE.shp", ADMIN_2022, AIN, encoding="UTF-8")
    (folder / "LISEZ-MOI.pdf").write_bytes(b"%PDF")
    archive = tmp_path / f"admin{suffix}"
    if suffix == ".zip":
        zipped(archive, shape, folder / "LISEZ-MOI.pdf", folder="ADMIN-EXPRESS/1_DONNEES/")
    else:
        with py7zr.SevenZipFile(archive, "w") as packed:
            packed.writeall(tmp_path / "ADMIN-EXPRESS-COG_3-1", "ADMIN-EXPRESS")
    communes, _ = read(archive, scratch)
    assert communes.names == ["Abergement", "Béon", "Çulo"]


@pytest.mark.parametrize(
    ("encoding", "page", "told"),
    [
        ("ISO-8859-1", "UTF-8", "the .cpg says UTF-8, the bytes are windows-1252"),
        ("UTF-8", "ISO-8859-1", "the .cpg says ISO-8859-1, the bytes are UTF-8"),
        ("ISO-8859-1", None, "no .cpg: read as windows-1252"),
        ("UTF-8", None, "no .cpg: read as UTF-8"),
        ("ISO-8859-1", "ISO-8859-1", None),
    ],
)
def test_names_are_read_right_whatever_the_cpg_says(tmp_path, scratch, encoding, page, told):
    path = written(tmp_path / "COMMUNE.shp", ADMIN_2022, AIN, encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if page:
        path.with_suffix(".cpg").write_text(page)
    communes, found = read(path, scratch)
    assert communes.names == ["Abergement", "Béon", "Çulo"]
    assert any(told in note for note in found.notes) if told else not any("cpg" in note for note in found.notes)


def test_the_operator_may_name_the_encoding(tmp_path, scratch):
    path = written(tmp_path / "COMMUNE.shp", ADMIN_2022, AIN, encoding="UTF-8")
    assert read(path, scratch, encoding="CP1252")[0].names[1] == "BÃ©on"


LEGAL = {
    "EPSG:2154": (5.0, 46.0), "EPSG:9794": (5.0, 46.0), "EPSG:5490": (-61.6, 16.2),
    "EPSG:2972": (-52.5, 4.5), "EPSG:2975": (55.4, -21.1),
    "EPSG:10674": (45.1, -12.8), "EPSG:4471": (45.1, -12.8), "EPSG:4467": (-56.3, 46.8), "EPSG:8903": (-176.2, -13.3),
    "EPSG:3296": (-151.5, -16.6), "EPSG:3297": (-149.5, -17.6), "EPSG:3298": (-143.0, -15.0), "EPSG:3299": (-139.1, -9.8),
    "EPSG:3163": (166.0, -21.5), "EPSG:10314": (166.0, -21.5), "EPSG:3857": (5.0, 46.0),
}  # fmt: skip


@pytest.mark.parametrize("crs", LEGAL)
def test_every_legal_system_comes_out_in_degrees(tmp_path, scratch, crs):
    west, south = LEGAL[crs]
    square = shapely.box(west, south, west + 0.02, south + 0.02)
    path = written(tmp_path / "x.gpkg", {"code": ["98701"], "nom": ["X"]}, [square], crs)
    communes, found = read(path, scratch)
    assert close(communes.shapes[0], square)
    assert any(crs.split(":")[1] in note for note in found.notes)


def test_lambert_93_v2b_and_v1_come_out_the_same(tmp_path, scratch):
    one, _ = read(written(tmp_path / "v1.gpkg", {"code": ["01001"], "nom": ["X"]}, AIN[:1], "EPSG:2154"), scratch)
    two, _ = read(written(tmp_path / "v2b.gpkg", {"code": ["01001"], "nom": ["X"]}, AIN[:1], "EPSG:9794"), scratch)
    assert shapely.hausdorff_distance(one.shapes[0], two.shapes[0]) < 1e-6


@pytest.mark.parametrize("jump", [shapely.box(179.9, -13.4, 180.1, -13.3), shapely.box(-180.1, -13.4, -179.9, -13.3)])
def test_land_across_the_antimeridian_is_cut_there(jump):
    from loaders.crs import within_180

    (cut,) = within_180(np.array([jump], dtype=object))
    west, _, east, _ = cut.bounds
    assert (west, east) == (-180, 180)
    assert shapely.get_num_geometries(cut) == 2
    assert shapely.area(cut) == pytest.approx(shapely.area(jump))


def test_the_real_gdal_reads_what_we_wrote_as_these_files(tmp_path):
    """The files of these tests are what they claim: GDAL's own tool sees the same layer, system and fields."""
    path = written(tmp_path / "COMMUNE.shp", ADMIN_2017, AIN, "EPSG:2154", encoding="ISO-8859-1")
    told = subprocess.run(["ogrinfo", "-so", "-al", path], capture_output=True, text=True, check=True).stdout
    assert "Feature Count: 3" in told
    assert "INSEE_COM: String" in told
    assert "RGF93" in told


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"colour": ["red"] * 3}, "no layer looks like communes. There are: .*: colour"),
        ({"code": ["01001"] * 3, "nom": ["A"] * 3}, None),
    ],
)
def test_a_layer_that_is_not_communes_is_told_with_its_fields(tmp_path, scratch, columns, told):
    path = written(tmp_path / "x.gpkg", columns, AIN)
    if told is None:
        assert len(read(path, scratch)[0].codes) == 3
    else:
        with pytest.raises(BadSource, match=told):
            read(path, scratch)


def test_which_year_is_asked_where_nothing_tells(tmp_path, scratch):
    path = written(tmp_path / "communes.gpkg", ADMIN_4, AIN)
    with pytest.raises(BadSource, match="say --year"):
        read(path, scratch, year=None)


def test_several_layers_must_be_chosen_from(tmp_path, scratch):
    path = written(tmp_path / "x.gpkg", {"a": ["01001"]}, AIN[:1], layer="one")
    written(path, {"a": ["01002"]}, AIN[1:2], layer="two")
    fields = {"code": "a", "name": "a"}
    with pytest.raises(BadSource, match=r"which layer.*one, two"):
        read(path, scratch, fields=fields)
    with pytest.raises(BadSource, match="no layer three; there are one, two"):
        read(path, scratch, fields=fields, layer="three")
    assert read(path, scratch, fields=fields, layer="two")[0].codes == ["01002"]
    with pytest.raises(BadSource, match="--field colour: the meanings are code, name"):
        read(path, scratch, fields={"colour": "a"})
    with pytest.raises(BadSource, match="no field for the INSEE code: looked for b; it has a"):
        read(path, scratch, fields={"code": "b"}, layer="two")


def test_paris_lyon_and_marseille_are_one_commune_each_in_geofla(tmp_path, scratch):
    codes = ["75101", "75102", "13201", "01001"]
    columns = {"INSEE_COM": codes, "NOM_COM": ["PARIS 1", "PARIS 2", "MARSEILLE 1", "A"], "CODE_DEPT": ["75", "75", "13", "01"],
               "POPULATION": [1.0, 2.0, 3.0, 4.0]}  # fmt: skip
    path = written(tmp_path / "COMMUNE.shp", columns, squares(5.0, 46.0, 4), encoding="UTF-8")
    communes, _ = read(path, scratch, year=2015)
    assert communes.codes == ["75056", "13055", "01001"]
    assert communes.names == ["Paris", "Marseille", "A"]
    assert communes.populations[0] == communes.populations[1]  # 1 + 2 and 3, in whatever unit the file counts
    assert shapely.area(communes.shapes[0]) == pytest.approx(2 * 0.05**2)


def test_of_the_precise_and_the_generalised_layer_the_precise_one_is_read(tmp_path, scratch):
    folder = tmp_path / "ADE_2021"
    (folder / "1_CARTO").mkdir(parents=True)
    columns = {"INSEE_COM": ["01001"], "NOM": ["A"], "INSEE_DEP": ["01"]}
    written(folder / "1_CARTO" / "COMMUNE_CARTO.shp", columns, squares(5.0, 46.0, 1, 0.04), encoding="UTF-8")
    written(folder / "COMMUNE.shp", columns, squares(5.0, 46.0, 1, 0.05), encoding="UTF-8")
    communes, _ = read(folder, scratch, year=2021)
    assert communes.codes == ["01001"]
    assert shapely.area(communes.shapes[0]) == pytest.approx(0.05**2)


@pytest.mark.parametrize(
    ("name", "metres"),
    [
        ("ADMIN-EXPRESS-COG_3-2.shp", 10),
        ("ADMIN-EXPRESS-COG-CARTO_3-2.shp", 50),
        ("ADMIN-EXPRESS-COG-CARTO-PE_4-0.shp", 600),
    ],
)
def test_the_precision_of_each_of_igns_products(name, metres):
    assert ADMIN_EXPRESS.precision_of(Path(name)) == metres


@pytest.mark.parametrize(
    ("page", "bytes_", "name"), [("ISO-8859-15", b"Paimb\xbduf", "Paimbœuf"), ("850", b"Orl\x82ans", "Orléans")]
)
def test_an_old_encoding_that_the_cpg_names_is_believed(tmp_path, scratch, page, bytes_, name):
    columns = {"INSEE_COM": ["44116"], "NOM_COM": ["x" * len(bytes_)], "CODE_DEPT": ["44"]}
    path = written(tmp_path / "COMMUNE.shp", columns, squares(-2.0, 47.0, 1), encoding="UTF-8")
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"x" * len(bytes_), bytes_))
    path.with_suffix(".cpg").write_text(page)
    assert read(path, scratch, year=2015)[0].names == [name]


def cut(tmp_path: Path, ends: bytes, page: str | None, whole: bytes = "Béon".encode()) -> Path:
    """A Shapefile whose first name fills its field and ends in these bytes; the second holds `whole`."""
    names = ["x" * 20, "y" * len(whole), "Culoz"]
    columns = {"INSEE_COM": ["01001", "01036", "01138"], "NOM_COM": names, "CODE_DEPT": ["01"] * 3}
    path = written(tmp_path / "COMMUNE.shp", columns, AIN, encoding="UTF-8")
    table = path.with_suffix(".dbf")
    field = b"x" * 20
    content = table.read_bytes().replace(names[1].encode(), whole)
    at = content.index(field)
    width = next(
        content[n + 16] for n in range(32, at, 32) if content[n : n + 11].rstrip(b"\0") == b"NOM_COM"
    )  # the driver shrinks it to the longest text or leaves it
    filled = (b"x" * width)[: width - len(ends)] + ends
    table.write_bytes(content[:at] + filled + content[at + width :])
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if page:
        path.with_suffix(".cpg").write_text(page)
    return path


@pytest.mark.parametrize("page", ["UTF-8", None, "ISO-8859-1"])
@pytest.mark.parametrize("ends", ["é".encode()[:1], "œ".encode()[:1], "€".encode()[:2], "😀".encode()[:3]])
def test_a_name_that_its_field_cuts_within_a_letter_is_read_up_to_there_and_told(tmp_path, scratch, page, ends):
    communes, found = read(cut(tmp_path, ends, page), scratch)
    assert set(communes.names[0]) == {"x"}
    assert communes.names[1:] == ["Béon", "Culoz"]
    told = "1 texts of NOM_COM are cut within a letter by the width of the field: read up to there"
    assert len([note for note in found.notes if told in note]) == 1
    named, found = read(cut(tmp_path, ends, page), scratch, encoding="UTF-8")
    assert named.names == communes.names
    assert len([note for note in found.notes if told in note]) == 1


def test_a_cut_name_alone_is_utf8_only_where_the_cpg_says_so(tmp_path, scratch):
    assert set(read(cut(tmp_path, b"\xc3", "UTF-8", b"Beon"), scratch)[0].names[0]) == {"x"}
    assert read(cut(tmp_path, b"\xe9", "ISO-8859-1", b"Beon"), scratch)[0].names[0].endswith("xé")
    assert read(cut(tmp_path, b"\xe9", None, b"B\xe9on"), scratch)[0].names[1] == "Béon"


def test_a_cut_name_gets_the_official_one_from_the_lists(tmp_path, scratch):
    (tmp_path / "v_commune_2022.csv").write_text(
        "TYPECOM,COM,REG,DEP,CTCD,ARR,TNCC,NCC,NCCENR,LIBELLE,CAN,COMPARENT\n"
        'COM,01001,84,01,01D,012,5,X,X,"L\'Abergement-Clémenciat",0108,\n'
    )
    official = lists.read([tmp_path / "v_commune_2022.csv"])
    with boundary_set(cut(tmp_path, b"\xc3", "UTF-8"), scratch, Told(year=2022)) as found:
        communes = Communes.joined(list(overlay.completed(found, official).communes()))
    assert communes.names == ["L'Abergement-Clémenciat", "Béon", "Culoz"]
