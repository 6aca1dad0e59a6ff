"""Harvests a catalogue with udata itself, several times, and prints what it made of it: `udata_harvest.py URL TIMES`.

Runs in udata's own environment. Only MongoDB is replaced, by one in memory. Prints one JSON object a harvest.
"""

import json
import logging
import sys
from pathlib import Path

import mongoengine
import mongomock

logging.disable(logging.CRITICAL)
_connect = mongoengine.connect


def connect_to_memory(*given, **named):
    named.pop("is_mock", None)
    return _connect(*given, **named, mongo_client_class=mongomock.MongoClient)


mongoengine.connect = connect_to_memory
import udata.flask_mongoengine.connection as udata_connection  # noqa: E402

udata_connection.mongoengine.connect = connect_to_memory
from udata import settings  # noqa: E402
from udata.app import create_app  # noqa: E402


class Alone(settings.Testing):
    """A testing portal: it may harvest from this machine."""

    MONGODB_HOST = "mongodb://localhost/udata"
    HARVESTER_BACKENDS = ("dcat",)
    PLUGINS = ()


def told_resource(resource):
    checksum = resource.checksum
    return {
        "id": str(resource.id), "title": resource.title, "url": resource.url, "format": resource.format, "mime": resource.mime,
        "bytes": resource.filesize, "checksum": [checksum.type, checksum.value] if checksum else None,
    }  # fmt: skip


def told_dataset(dataset):
    period = dataset.temporal_coverage
    return {
        "id": str(dataset.id), "remote_id": dataset.harvest.remote_id, "remote_url": dataset.harvest.remote_url,
        "title": dataset.title, "description": dataset.description,
        "license": dataset.license.id if dataset.license else None, "frequency": getattr(dataset.frequency, "value", None),
        "tags": sorted(dataset.tags), "spatial": dataset.spatial.geom if dataset.spatial else None,
        "temporal": [str(period.start), str(period.end)] if period else None,
        "contacts": sorted([c.name, c.email or "", c.contact_form or "", c.role] for c in dataset.contact_points),
        "quality": dataset.quality["score"], "archived": dataset.archived is not None,
        "resources": sorted((told_resource(resource) for resource in dataset.resources), key=lambda one: one["url"]),
    }  # fmt: skip


def main(url, times):
    app = create_app(settings.Defaults, override=Alone)
    with app.app_context(), app.test_request_context():
        from udata.core.dataservices.models import Dataservice
        from udata.core.dataset.models import Dataset, License
        from udata.core.organization.models import Organization
        from udata.harvest.backends.dcat import DcatBackend
        from udata.harvest.models import HarvestSource

        for licence in json.loads(Path(__file__).with_name("licences.json").read_text()):
            License(**licence).save()
        owner = Organization(name="Une association", description="Qui publie").save()
        source = HarvestSource(name="Un catalogue", url=url, backend="dcat", organization=owner).save()
        for _ in range(times):
            job = DcatBackend(source).harvest()
            print(json.dumps({
                "status": job.status,
                "errors": [error.message for error in job.errors] + [e.message for item in job.items for e in item.errors],
                "items": sorted([item.remote_id, item.status] for item in job.items),
                "datasets": sorted((told_dataset(one) for one in Dataset.objects), key=lambda one: one["remote_id"]),
                "services": [
                    {"title": one.title, "url": one.base_api_url, "description": one.machine_documentation_url,
                     "datasets": sorted(str(served.id) for served in one.datasets)}
                    for one in Dataservice.objects
                ],
            }, default=str))  # fmt: skip


main(sys.argv[1], int(sys.argv[2]))
