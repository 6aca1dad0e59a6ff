"""The English of the pages: complete, and compiled from what is committed."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from tests.conftest import ROOT

WEB = ROOT / "geoplatform" / "web"
CATALOG = WEB / "translations" / "en" / "LC_MESSAGES" / "messages.po"


def test_the_compiled_catalog_is_that_of_the_text():
    compiled = io.BytesIO()
    with CATALOG.open("rb") as stream:
        write_mo(compiled, read_po(stream))
    compiled.seek(0)
    with CATALOG.with_suffix(".mo").open("rb") as stream:
        committed = read_mo(stream)
    told = [(message.id, message.string) for message in read_mo(compiled) if message.id]
    assert told == [(message.id, message.string) for message in committed if message.id], "run `make bless`"


def test_every_text_of_the_templates_has_its_english(tmp_path):
    pot = tmp_path / "all.pot"
    pybabel = Path(sys.executable).with_name("pybabel")
    command = [pybabel, "-q", "extract", "-F", WEB / "translations" / "babel.cfg", "-o", pot, "."]
    subprocess.run([str(word) for word in command], cwd=WEB, check=True)
    with pot.open("rb") as stream:
        wanted = {message.id for message in read_po(stream) if message.id}
    with CATALOG.open("rb") as stream:
        catalog = read_po(stream)
    given = {message.id for message in catalog if message.id and message.string and not message.fuzzy}
    assert len(wanted) > 50
    assert sorted(map(str, wanted - given)) == []


@pytest.mark.parametrize("word", ["Commune inconnue", "Trop de demandes"])
def test_error_titles_are_translated_too(word):
    with CATALOG.open("rb") as stream:
        assert read_po(stream).get(word).string
