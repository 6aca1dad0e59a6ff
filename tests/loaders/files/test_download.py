"""Downloads that break off, go on, change under way or are refused, from a real server on the loopback."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator

import pytest

from geoplatform.errors import BadSource, FetchFailed, Misuse
from geoplatform.progress import Step
from loaders.files import fetch
from loaders.files.fetch import Remote, downloaded
from loaders.sources import catalogue
from tests.serving import CONTENT, Server, serving

SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.0)
    with serving() as running:
        yield running


def remote(server: Server, sha256: str | None = None) -> Remote:
    return Remote(server.url("a.7z"), "a.7z", sha256)


def test_a_download_that_breaks_off_goes_on_where_it_did(server, tmp_path):
    server.most = 300_000
    path = downloaded(remote(server, SUM), tmp_path, Step())
    assert path.read_bytes() == CONTENT
    begun = [int(told[6:-1]) for told in server.asked[1:]]
    assert begun == sorted(begun) and 200_000 < begun[0] <= 300_000
    assert len(server.asked) == 4


def test_a_run_that_was_killed_is_taken_up_by_the_next(server, tmp_path):
    (tmp_path / "a.7z.part").write_bytes(CONTENT[:1000])
    (tmp_path / "a.7z.etag").write_text('"one"')
    assert downloaded(remote(server), tmp_path, Step()).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a.7z", "a.7z.sha256"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(server, tmp_path):
    (tmp_path / "a.7z.part").write_bytes(b"of another version")
    (tmp_path / "a.7z.etag").write_text('"zero"')
    assert downloaded(remote(server), tmp_path, Step()).read_bytes() == CONTENT


def test_what_arrived_first_is_what_is_expected_ever_after(server, tmp_path):
    path = downloaded(remote(server), tmp_path, Step())
    assert (tmp_path / "a.7z.sha256").read_text().split()[0] == SUM
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(BadSource, match="truncated or altered"):
        downloaded(remote(server), tmp_path, Step())
    assert downloaded(remote(server), tmp_path, Step()).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_other_bytes_than_the_known_ones_are_refused_and_removed(server, tmp_path):
    with pytest.raises(BadSource, match=f"{SUM}, {'0' * 64} is expected"):
        downloaded(remote(server, "0" * 64), tmp_path, Step())
    assert not (tmp_path / "a.7z").exists()


def test_a_web_page_is_no_file(server, tmp_path):
    server.content = b"<!DOCTYPE html><html>sign in</html>"
    with pytest.raises(BadSource, match="gives a web page"):
        downloaded(remote(server), tmp_path, Step())
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (503, 6)])
def test_a_refusal_is_told_with_what_to_do(server, tmp_path, status, tries):
    server.status = status
    with pytest.raises(FetchFailed, match=rf"{status} .* put the file into .* as a\.7z yourself"):
        downloaded(remote(server), tmp_path, Step())
    assert len(server.asked) == tries


def test_a_full_disk_is_named_and_what_arrived_is_kept_for_the_next_run(server, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(FetchFailed, match=r"a\.7z\.part cannot be written"):
            downloaded(remote(server), tmp_path, Step())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "a.7z").exists()
    assert downloaded(remote(server), tmp_path, Step()).read_bytes() == CONTENT


def test_known_editions_have_an_address_a_year_and_a_name():
    found, told = catalogue.edition("admin-express-cog:2026")
    assert (found.file, told.year) == ("ADMIN-EXPRESS-COG_4-0__GPKG_WGS84G_FRA_2026-01-01.7z", 2026)
    assert found.url.startswith("https://data.geopf.fr/") and found.url.endswith(f"/{found.file}")
    found, told = catalogue.edition("contours-administratifs:2026-100m")
    assert (told.year, told.precision_m, len(found.sha256)) == (2026, 100.0, 64)
    assert catalogue.edition("communes.gpkg") is None


#: IGN's names, as its catalogue has them (docs/boundaries.md tells who else uses them).
IGN = {
    2017: "1-0__SHP__FRA_2017-06-19", 2018: "1-1__SHP__FRA_2018-04-03", 2019: "2-0__SHP__FRA_2019-09-24",
    2020: "2-1__SHP__FRA_2020-11-20", 2021: "3-0__SHP_WGS84G_FRA_2021-05-19", 2022: "3-1__SHP_WGS84G_FRA_2022-04-15",
    2023: "3-2__SHP_WGS84G_FRA_2023-05-03", 2024: "3-2__SHP_WGS84G_FRA_2024-02-22",
    2025: "4-0__GPKG_WGS84G_FRA_2025-01-01", 2026: "4-0__GPKG_WGS84G_FRA_2026-01-01",
}  # fmt: skip


@pytest.mark.parametrize("year", range(2017, 2027))
def test_every_year_from_2017_on_has_its_limits_and_its_lists(year):
    found, told = catalogue.edition(f"admin-express-cog:{year}")
    name = f"ADMIN-EXPRESS-COG_{IGN[year]}"
    assert found.url == f"https://data.geopf.fr/telechargement/download/ADMIN-EXPRESS-COG/{name}/{name}.7z"
    assert (found.file, told.year) == (f"{name}.7z", year)
    remotes, of_year = catalogue.cog(f"cog:{year}")
    assert of_year == year
    assert {one.url.rpartition("/")[0] for one in remotes} == {"https://www.insee.fr/fr/statistiques/fichier/8740222"}
    files = [one.file for one in remotes]
    assert ("v_commune_2026.csv" in files) == (year == 2026)
    assert {"v_mvt_commune_2026.csv", "2026_v_commune_depuis_1943.csv", "v_commune_comer_2026.csv"} <= set(files)
    assert remotes[files.index("2026_v_commune_depuis_1943.csv")].url.endswith("/8740222/v_commune_depuis_1943.csv")


def test_what_is_no_name_of_a_list_is_a_file():
    assert catalogue.cog("v_mvt_commune_2026.csv") is None


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("admin-express-cog:2016", "there is no edition admin-express-cog:2016; there are admin-express-cog:2017"),
        ("contours-administratifs:2026-7m", "an example is contours-administratifs:2026-50m"),
    ],
)
def test_misuse_an_unknown_edition_is_answered_with_those_there_are(source, told):
    with pytest.raises(Misuse, match=told):
        catalogue.edition(source)


def test_misuse_a_year_without_lists_is_answered_with_those_there_are():
    with pytest.raises(Misuse, match=r"there is no cog:1999; there are cog:2017, .*, cog:2026"):
        catalogue.cog("cog:1999")


def test_files_of_one_name_from_several_addresses_are_kept_apart():
    kept = {
        catalogue.remote(f"https://example.org/{path}").file
        for path in ("2018/c.geojson", "2026/c.geojson", "?id=1", "?id=2")
    }
    assert len(kept) == 4
    for odd in ("https://example.org/..", f"https://example.org/{'a' * 300}", "https://example.org/.ssh"):
        name = catalogue.remote(odd).file
        assert "/" not in name and not name.startswith(".") and len(name) < 200
