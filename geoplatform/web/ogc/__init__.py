"""OGC API Features under /ogc/: for QGIS, GDAL, ArcGIS and programs. One registry (`store.collections`) says what there is.

`service` describes, `openapi` too; `asking` reads what a request wants, `items` and `search` answer, `editing` changes places;
`answers` and `formats` say how.
"""

from __future__ import annotations

from flask import Flask

from geoplatform.web.ogc import editing, items, search, service


def attach(app: Flask) -> None:
    """Give the application these routes."""
    for room in (service, items, search, editing):
        app.register_blueprint(room.blueprint)
