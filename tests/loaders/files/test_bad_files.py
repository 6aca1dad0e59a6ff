"""Wrong, broken, truncated and hostile files: a clear error that names the file and place, whatever they are."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import py7zr
import pyogrio
import pytest
import shapely

from geoplatform.errors import BadSource
from loaders.boundaries import Communes
from loaders.files import archives
from loaders.files.layers import opened, values_of
from loaders.sources.official import Told, boundary_set
from tests.making import squares, written, zipped

AIN = squares(5.0, 46.0, 3)
COLUMNS = {"code": ["01001", "01036", "01138"], "nom": ["A", "B", "C"]}
GEOFLA = {"INSEE_COM": ["01001", "01036", "01138"], "NOM_COM": ["A", "B", "C"], "CODE_DEPT": ["01"] * 3}


def noted(path: Path, **told: object) -> tuple[Communes, list[str]]:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    with boundary_set(path, scratch, Told(**{"year": 2022, **told})) as found:
        return Communes.joined(list(found.communes())), found.notes


def read(path: Path, **told: object) -> Communes:
    return noted(path, **told)[0]


def refused(path: Path, told: str, **how: object) -> None:
    with pytest.raises(BadSource, match=told) as error:
        read(path, **how)
    assert path.name in str(error.value)


def collection(*features: dict) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}, indent=1)


def feature(code: str = "01001", geometry: object = None, **properties: object) -> dict:
    shape = geometry or json.loads(shapely.to_geojson(AIN[0]))
    return {"type": "Feature", "properties": {"code": code, "nom": "A", **properties}, "geometry": shape}


BOWTIE = {"type": "Polygon", "coordinates": [[[5, 46], [5.1, 46.1], [5.1, 46], [5, 46.1], [5, 46]]]}
OPEN = {"type": "Polygon", "coordinates": [[[5, 46], [5.1, 46.1], [5.1, 46]]]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (collection(feature()).replace("\n ]", ",\n ]"), r"trailing comma.* at line \d+, column \d+|line \d+, column 2"),
        (collection(feature())[:-40], "cut off"),
        ("", "is empty"),
        ("<!DOCTYPE html><html><body>403</body></html>", "web page"),
        ('{"type": "Topology", "objects": {}}', "no FeatureCollection: its type is 'Topology'"),
        ('{"type": "FeatureCollection"}', "no FeatureCollection"),
        ("[1, 2, 3]", "no FeatureCollection"),
        ("hello\n", "not JSON.*line 1, column 1"),
        (collection({"type": "Point", "coordinates": [5, 46]}), "entry 1 is a 'Point', not a Feature"),
        (collection(feature(), feature("01036", {"type": "Point", "coordinates": [5, 46]})), "feature 2 is a POINT, not a polygon"),
        (collection(feature("01001", {"type": "Blob", "coordinates": []})), "feature 1: its geometry is broken"),
        (collection(feature("01001", {"type": "Polygon", "coordinates": "x"})), "feature 1: its geometry is broken"),
        (collection(feature("01001", OPEN)), "feature 1: its geometry is broken"),
        (collection(feature(None)), "feature 1 has no code"),
        (collection(feature("hello")).replace("01001", "hello"), None),
        (collection(feature("01001", {"type": "Polygon", "coordinates": [[[46, 5], [46, 5.1], [46.1, 5.1], [46, 5]]]})),
         "latitude seems to stand before longitude"),
        (collection(feature("01001", {"type": "Polygon", "coordinates": [[[9e5, 65e5], [9e5, 66e5], [95e4, 66e5], [9e5, 65e5]]]})),
         "these look like Lambert-93"),
        (collection(feature("01001", {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]})),
         "outside France and its territories"),
        ('{"type":"FeatureCollection","crs":{"properties":{"name":"moon"}},"features":[]}', "its crs 'moon' is not understood"),
    ],
)  # fmt: skip
def test_geojson(tmp_path, text, told):
    path = tmp_path / "communes.geojson"
    path.write_text(text)
    if told is None:
        assert read(path).codes == ["HELLO"]  # what is no INSEE code is refused when it is staged
    else:
        refused(path, told)


def test_the_trailing_comma_of_new_caledonia_is_named_with_its_line_and_column(tmp_path):
    path = tmp_path / "limites_terrestres.geojson"
    path.write_text('{\n"type": "FeatureCollection",\n"features": [\n' + json.dumps(feature()) + ",\n]\n}\n")
    refused(path, "at line 5, column 1")


def test_a_broken_polygon_passes_the_reader_and_is_left_to_the_repair(tmp_path):
    path = tmp_path / "communes.geojson"
    path.write_text(collection(feature("01001", BOWTIE)))
    assert not shapely.is_valid(read(path).shapes[0])


@pytest.mark.parametrize("rings", [{"type": "Polygon", "coordinates": []}, {"type": "MultiPolygon", "coordinates": [[]]},
                                   {"type": "MultiPolygon", "coordinates": []}])  # fmt: skip
def test_a_polygon_without_rings_is_a_commune_without_limits(tmp_path, rings):
    path = tmp_path / "communes.geojson"
    path.write_text(collection(feature(), feature("01036", rings)))
    found = read(path)
    assert found.codes == ["01001", "01036"]
    assert shapely.is_empty(found.shapes).tolist() == [False, True]


def test_heights_are_left_out_wherever_they_stand(tmp_path):
    path = tmp_path / "communes.geojson"
    high = {"type": "Polygon", "coordinates": [[[5, 46, 300], [5.1, 46, 310], [5.1, 46.1, 320], [5, 46, 300]]]}
    path.write_text(collection(feature(), feature("01036", high)))
    found = read(path)
    assert not shapely.has_z(found.shapes).any()
    assert shapely.bounds(found.shapes[1]).tolist() == [5, 46, 5.1, 46.1]


@pytest.mark.parametrize("lost", [".dbf", ".shx"])
def test_a_shapefile_without_a_companion(tmp_path, lost):
    path = written(tmp_path / "COMMUNE.shp", GEOFLA, AIN, "EPSG:2154", encoding="UTF-8")
    path.with_suffix(lost).unlink()
    refused(path, f"COMMUNE{lost} .* is missing beside it")


def test_a_shapefile_without_its_prj_needs_the_system_named(tmp_path):
    path = written(tmp_path / "COMMUNE.shp", GEOFLA, AIN, "EPSG:2154", encoding="UTF-8")
    path.with_suffix(".prj").unlink()
    refused(path, "does not say its coordinate system .*--crs EPSG:")
    assert read(path, crs="EPSG:2154").codes == ["01001", "01036", "01138"]
    refused(path, "outside France and its territories: these look like Lambert-93", crs="EPSG:4326")
    refused(path, "coordinate system is not understood: EPSG:123456", crs="EPSG:123456")


def test_reading_one_file_leaves_no_encoding_for_the_next(tmp_path):
    """Two files read in turns, and one left half-way: what was set for one must not hold for others."""
    path = written(tmp_path / "COMMUNE.shp", GEOFLA, AIN, "EPSG:2154", encoding="UTF-8")
    with opened(path, tmp_path) as (one,), opened(path, tmp_path) as (other,):
        first, second = one.read(["NOM_COM"]), other.read(["NOM_COM"])
        assert [values_of(next(one).columns["NOM_COM"]) for one in (first, second)] == [["A", "B", "C"]] * 2
        first.close()
        second.close()
    assert pyogrio.get_gdal_config_option("SHAPE_ENCODING") is None


@pytest.mark.parametrize("suffix", [".shp", ".dbf"])
@pytest.mark.parametrize("kept", [0, 50, 200])
def test_a_truncated_shapefile(tmp_path, suffix, kept):
    path = written(tmp_path / "COMMUNE.shp", GEOFLA, AIN, "EPSG:2154", encoding="UTF-8")
    broken = path.with_suffix(suffix)
    broken.write_bytes(broken.read_bytes()[:kept])
    refused(path, "truncated|its header is not one|cannot be read")


@pytest.mark.parametrize("name", ["x.gpkg", "x.fgb", "x.shp"])
def test_a_file_that_is_not_what_its_name_says(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is nothing at all, although it has some length" * 10)
    refused(path, "cannot be read|missing beside it")


def test_a_truncated_geopackage_or_flatgeobuf(tmp_path):
    for name in ("x.gpkg", "x.fgb"):
        path = written(tmp_path / name, COLUMNS, AIN)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        refused(path, "cannot be read|after feature")


def test_points_instead_of_communes(tmp_path):
    path = written(tmp_path / "x.gpkg", COLUMNS, [shapely.Point(5, 46)] * 3, kind="Point")
    refused(path, "points or lines, no polygons of communes")


def test_what_does_not_exist(tmp_path):
    refused(tmp_path / "nothing.gpkg", "does not exist")


def test_archives_that_hold_nothing_to_read(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    refused(zipped(tmp_path / "a.zip", tmp_path / "a.txt"), "holds no file that can be read .*it holds a.txt")
    (tmp_path / "b.7z").write_bytes(b"7z")
    refused(zipped(tmp_path / "c.zip", tmp_path / "b.7z"), "holds another archive, b.7z")
    (tmp_path / "d.rar").write_bytes(b"Rar!")
    refused(tmp_path / "d.rar", "unpack it first")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "it holds nothing")


@pytest.mark.parametrize("suffix", [".zip", ".7z", ".geojson.gz"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_a_half_downloaded_archive(tmp_path, suffix, share):
    plain = written(tmp_path / "communes.geojson", COLUMNS, AIN)
    path = tmp_path / f"communes{suffix}"
    if suffix == ".zip":
        zipped(path, plain)
    elif suffix == ".7z":
        with py7zr.SevenZipFile(path, "w") as packed:
            packed.write(plain, plain.name)
    else:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path, "damaged or truncated")


def test_a_damaged_member_is_found_by_its_checksum(tmp_path):
    plain = written(tmp_path / "communes.geojson", COLUMNS, AIN)
    path = zipped(tmp_path / "communes.zip", plain, method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    refused(path, "damaged or truncated zip: Bad CRC-32")


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("communes.geojson", "w") as member:
        for _ in range(100):
            member.write(bytes(1 << 20))
    refused(path, r"would unpack to 104857600 bytes")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_gzip_bomb_which_tells_no_size_is_refused_while_it_unpacks(tmp_path):
    path = tmp_path / "communes.geojson.gz"
    packer = zlib.compressobj(9, wbits=31)
    path.write_bytes(b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush())
    refused(path, "unpacks to more than")
    assert not (tmp_path / "scratch" / "communes.geojson").exists()


@pytest.mark.parametrize("member", ["../../evil.geojson", "/tmp/evil.geojson", "a\\..\\evil.geojson"])
def test_a_member_that_points_out_of_the_archive(tmp_path, member):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(member, collection(feature()))
    refused(path, "points out of the archive")


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(5):
            packed.writestr(f"{number}.geojson", "{}")
    refused(path, "holds 5 members, more than 3")


def test_an_encrypted_7z(tmp_path):
    path = tmp_path / "secret.7z"
    with py7zr.SevenZipFile(path, "w", password="x") as packed:
        packed.write(written(tmp_path / "communes.geojson", COLUMNS, AIN), "communes.geojson")
    refused(path, "encrypted")


def test_a_full_disk_is_told_with_what_was_being_unpacked(tmp_path):
    """The kernel refuses to write more than 64 kB to any file, as it does when a disk is full."""
    plain = tmp_path / "communes.geojson"
    plain.write_text(collection(*[feature()] * 2000))
    zipped(tmp_path / "communes.zip", plain)
    (tmp_path / "scratch").mkdir()
    program = (
        "import sys; from pathlib import Path; from loaders.files.layers import opened, values_of\n"
        "from geoplatform.errors import BadSource\n"
        "try:\n    opened(Path(sys.argv[1]), Path(sys.argv[2])).__enter__()\n"
        "except BadSource as error:\n    print(error)"
    )
    small = 64 << 10
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "communes.zip", tmp_path / "scratch"], capture_output=True, text=True,
        check=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (small, small)),
    )  # fmt: skip
    assert "communes.zip/communes.geojson cannot be unpacked to" in done.stdout
    assert "File too large" in done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (collection(feature()).replace('"A"', '"\u00c9"').encode("latin-1", "backslashreplace").replace(b"\\u00c9", b"\xc9"),
         "feature 1|not JSON"),
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":' + b'{"a":' * 3000 + b"1" + b"}" * 3003 + b"]}",
         "recursion|feature 1|not JSON"),
        (b'{"type":"FeatureCollection","crs":{"properties":"moon"},"features":[]}', "its crs 'moon' is not understood"),
        (collection(feature("01001", {**BOWTIE, "coordinates": [*BOWTIE["coordinates"], []]})).encode(),
         "feature 1: its geometry is broken"),
    ],
)  # fmt: skip
def test_geojson_that_is_not_what_it_seems(tmp_path, text, told):
    path = tmp_path / "communes.geojson"
    path.write_bytes(text)
    refused(path, f"(?i){told}")


def test_records_of_a_text_sequence_may_span_lines(tmp_path):
    path = tmp_path / "communes.geojsons"
    path.write_text("".join(f"\x1e{json.dumps(feature(code), indent=1)}\n" for code in ("01001", "01036")))
    assert read(path).codes == ["01001", "01036"]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_truncated_flatgeobuf_is_no_traceback(tmp_path, cut):
    path = written(
        tmp_path / "communes.fgb", {"code": ["01001"] * 300, "nom": ["A"] * 300}, squares(5.0, 46.0, 300, 0.01)
    )
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(BadSource, match=r"communes\.fgb"):
        read(path)


def test_a_table_without_geometry_is_no_map(tmp_path):
    path = tmp_path / "communes.gpkg"
    pyogrio.raw.write(
        path, None, [np.array(["01001"], dtype=object)], ["code"], geometry_type=None, driver="GPKG", layer="commune"
    )
    with pytest.raises(BadSource, match="has no geometry"):
        read(path, fields={"code": "code"})


@pytest.mark.parametrize("kind", ["MultiPolygon Z", "Unknown"])
def test_a_layer_whose_type_says_heights_or_nothing_is_read_all_the_same(tmp_path, kind):
    path = written(tmp_path / "communes.gpkg", GEOFLA, AIN, layer="commune", kind=kind)
    assert read(path).codes == GEOFLA["INSEE_COM"]


def test_a_name_with_brackets_finds_its_companions(tmp_path):
    assert len(read(written(tmp_path / "COMMUNE [1].shp", GEOFLA, AIN, encoding="UTF-8")).codes) == 3


def test_features_of_one_code_that_are_broken_are_repaired_before_they_are_united(tmp_path):
    path = tmp_path / "communes.geojson"
    path.write_text(collection(feature("01001", BOWTIE), feature("01001", BOWTIE)))
    assert read(path, fields={"code": "code", "name": "nom"}).codes == ["01001"]


def test_what_macos_and_editors_leave_in_an_archive_is_passed_over(tmp_path):
    path = written(tmp_path / "communes.geojson", COLUMNS, AIN)
    (tmp_path / "._communes.geojson").write_bytes(b"\0\5\x16\7")
    assert len(read(zipped(tmp_path / "a.zip", path, tmp_path / "._communes.geojson")).codes) == 3


def test_members_that_stand_in_each_others_way(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.geojson", "{}")
        archive.writestr("x.geojson/y.geojson", "{}")
        archive.writestr("a" * 300 + "/z.geojson", "{}")
    with pytest.raises(BadSource, match=r"a\.zip"):
        read(path)


def test_a_7z_with_a_flipped_byte_is_damaged(tmp_path):
    plain = written(tmp_path / "communes.geojson", COLUMNS, AIN)
    path = tmp_path / "a.7z"
    with py7zr.SevenZipFile(path, "w", filters=[{"id": py7zr.FILTER_COPY}]) as archive:
        archive.write(plain, plain.name)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    refused(path, "damaged or truncated 7z")


def test_a_report_does_not_tell_where_a_file_lies_on_the_machine(tmp_path):
    path = written(tmp_path / "communes.geojson", COLUMNS, AIN)
    with boundary_set(path, tmp_path, Told(year=2022)) as found:
        list(found.communes())
    assert found.notes and not [note for note in found.notes if str(tmp_path) in note]


def test_the_year_is_not_taken_from_the_folder(tmp_path):
    folder = tmp_path / "2019-backup"
    folder.mkdir()
    refused(written(folder / "communes.geojson", COLUMNS, AIN), "does not tell of which year", year=None)
    refused(written(folder / "communes-1936.geojson", COLUMNS, AIN), "1936 is no year of communes", year=None)


def test_a_coordinate_that_is_no_number_is_named_by_its_commune(tmp_path):
    torn = shapely.Polygon([(5, 46), (5.1, np.nan), (5.1, 46.1), (5, 46)])
    path = written(tmp_path / "communes.gpkg", {"code": ["01001", "01036"], "nom": ["A", "B"]}, [AIN[0], torn])
    with pytest.raises(BadSource, match="a coordinate of commune 01036 is not a number"):
        read(path, fields={"code": "code", "name": "nom"})


STRAYS = {
    "metadata.json": '{"title": "Communes", "licence": "etalab-2.0"}',
    "schema.json": "[1, 2, 3]",
    "points.geojson": collection(feature("01001", {"type": "Point", "coordinates": [5, 46]})),
}


@pytest.mark.parametrize("name", STRAYS)
@pytest.mark.parametrize("form", ["communes.geojson", "communes.gpkg", "COMMUNE.shp"])
def test_what_is_no_map_of_communes_beside_them_is_left_out_and_told(tmp_path, name, form):
    (tmp_path / name).write_text(STRAYS[name])
    path = zipped(tmp_path / "a.zip", tmp_path / name, written(tmp_path / form, COLUMNS, AIN))
    found, notes = noted(path)
    assert found.codes == COLUMNS["code"]
    told = [note for note in notes if note.startswith("left out: ")]
    if name == "points.geojson":
        assert told == []  # a map, but of something else, as archives hold many
    else:
        assert len(told) == 1 and f"a.zip/{name} is no FeatureCollection" in told[0]
    assert read(path, fields={"code": "code", "name": "nom"}).codes == COLUMNS["code"]


@pytest.mark.parametrize(("form", "is_refused"), [("communes.geojson", True), ("communes.gpkg", False)])
def test_a_damaged_file_beside_communes_is_refused_where_it_may_be_more_of_them(tmp_path, form, is_refused):
    (tmp_path / "half.json").write_text(collection(feature())[:-40])
    path = zipped(tmp_path / "a.zip", tmp_path / "half.json", written(tmp_path / form, COLUMNS, AIN))
    if is_refused:
        refused(path, "half.json is not JSON.*is it cut off")
        assert read(path, layer="communes").codes == COLUMNS["code"]
        refused(path, "half.json is not JSON", layer="half")
    else:
        assert len([note for note in noted(path)[1] if "left out: a.zip/half.json is not JSON" in note]) == 1


def test_when_nothing_looks_like_communes_the_damaged_file_is_named(tmp_path):
    (tmp_path / "communes.geojson").write_text(collection(feature())[:-40])
    other = written(tmp_path / "other.gpkg", {"height": [1, 2, 3]}, AIN)
    path = zipped(tmp_path / "a.zip", tmp_path / "communes.geojson", other)
    refused(path, r"no layer looks like communes.*communes\.geojson is not JSON")
    (tmp_path / "meta.json").write_text("{}")
    refused(
        zipped(tmp_path / "b.zip", tmp_path / "communes.geojson", tmp_path / "meta.json"),
        "communes.geojson is not JSON",
    )


def test_a_table_beside_the_communes_of_a_geopackage_is_left_out(tmp_path):
    path = written(tmp_path / "communes.gpkg", COLUMNS, AIN, layer="commune")
    pyogrio.raw.write(
        path, None, [np.array(["style"], dtype=object)], ["name"], geometry_type=None, driver="GPKG", layer="layer_styles",
        append=True,
    )  # fmt: skip
    assert read(path).codes == COLUMNS["code"]


def test_points_alone_in_geojson_are_no_communes(tmp_path):
    path = tmp_path / "communes.geojson"
    path.write_text(STRAYS["points.geojson"])
    refused(path, "holds points or lines, no polygons of communes")
