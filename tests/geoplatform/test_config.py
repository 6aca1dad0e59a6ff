"""Settings come from the environment once, and bad ones are named."""

from __future__ import annotations

import pytest

from geoplatform.config import Settings
from geoplatform.errors import Misuse


def test_nothing_told_means_the_embedded_cluster_on_the_loopback():
    settings = Settings.from_environment({})
    assert (settings.database_url, settings.host, settings.port) == (None, "127.0.0.1", 8000)
    assert settings.data_dir.is_absolute() and settings.data_dir.name == "data"


def test_settings_survive_the_way_to_another_process():
    told = {"GEOPLATFORM_DATA": "/srv/x", "GEOPLATFORM_PORT": "8123", "GEOPLATFORM_PUBLIC_URL": "https://a.fr/",
            "GEOPLATFORM_PUBLISHER": "Ville d'Aix", "GEOPLATFORM_CONTACT": "sig@aix.example"}  # fmt: skip
    settings = Settings.from_environment(told)
    assert settings.public_url == "https://a.fr"
    assert Settings.from_environment(settings.as_environment()) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "x"),
        ("PORT", "70000"),
        ("WORKERS", "-1"),
        ("PORT", "８"),
        ("CONTACT", "sig at aix"),
        ("CONTACT", "a@b.fr>\n"),
    ],
)
def test_misuse_names_the_variable_and_its_value(name, value):
    with pytest.raises(Misuse) as refused:
        Settings.from_environment({f"GEOPLATFORM_{name}": value})
    assert f"GEOPLATFORM_{name}={value!r}" in str(refused.value)
