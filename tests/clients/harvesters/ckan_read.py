"""Reads catalogues with CKAN's DCAT parser, `ckan_read.py FILE FORMAT …`, and prints one JSON object for each.

Runs in CKAN's own environment; neither its database nor its search is needed to read.
"""

import json
import logging
import sys
from pathlib import Path

logging.disable(logging.CRITICAL)
import ckan  # noqa: E402
from ckan.common import config  # noqa: E402

config.update({
    "ckan.locale_default": "fr", "ckan.site_url": "http://portail.example", "ckan.plugins": "", "licenses_group_url": None,
    "ckan.resource_formats": str(Path(ckan.__file__).parent / "config" / "resource_formats.json"),
})  # fmt: skip
from ckanext.dcat.processors import RDFParser  # noqa: E402

for path, form in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    parser = RDFParser(profiles=["euro_dcat_ap_3"])
    parser.parse(Path(path).read_text(encoding="utf-8"), _format=form)
    datasets = sorted(parser.datasets(), key=lambda dataset: dataset["title"])
    print(json.dumps({"datasets": datasets, "next": parser.next_page()}, default=str))
