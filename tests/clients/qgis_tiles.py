"""Run by the system's Python, which has QGIS: draws a layer of vector tiles as a user of QGIS would, and says what came of it.

Arguments: address of the server, layer, style, west south east north, file of the picture. Prints JSON.
"""

import json
import os
import sys
from collections import Counter
from urllib.parse import quote

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize

base, name, style, west, south, east, north, picture = sys.argv[1:]
program = QgsApplication([], False)
program.initQgis()
template = quote(f"{base}/tiles/{name}/{{z}}/{{x}}/{{y}}.mvt", safe=":/")
layer = QgsVectorTileLayer(f"type=xyz&url={template}&zmin=0&zmax=18&styleUrl={base}/styles/{style}.json", name)
told = {"version": Qgis.QGIS_VERSION, "valid": layer.isValid(), "style": layer.loadDefaultStyle()[1]}
mercator = QgsCoordinateReferenceSystem("EPSG:3857")
to_mercator = QgsCoordinateTransform(QgsCoordinateReferenceSystem("EPSG:4326"), mercator, QgsProject.instance())
settings = QgsMapSettings()
settings.setLayers([layer])
settings.setOutputSize(QSize(800, 700))
settings.setDestinationCrs(mercator)
settings.setExtent(to_mercator.transformBoundingBox(QgsRectangle(*map(float, (west, south, east, north)))))
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
image.save(picture)
seen = Counter(image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2))
told |= {"errors": [error.message for error in job.errors()], "colours": dict(seen.most_common(12))}
print(json.dumps(told))
program.exitQgis()
