"""Run by the system's Python, which has QGIS: opens what its user would, and says what came of it, as JSON.

Arguments: `collection` address name west south east north | `project` file picture | `definition` file |
`style` file address name | `postgis` connection view geometry type |
`file` source provider.
"""

import json
import os
import sys
from collections import Counter

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsDataSourceUri,
    QgsFeatureRequest,
    QgsLayerDefinition,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsRenderContext,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QSize


def features_of(base, name):
    source = f"pagingEnabled='true' restrictToRequestBBOX='1' srsname='OGC:CRS84' typename='{name}' url='{base}/ogc'"
    return QgsVectorLayer(source, name, "OAPIF")


def collection(base, name, west, south, east, north):
    layer = features_of(base, name)
    box = QgsRectangle(*map(float, (west, south, east, north)))
    found = list(layer.getFeatures(QgsFeatureRequest().setFilterRect(box)))
    return {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "fields": [field.name() for field in layer.fields()],
        "ids": len({feature.id() for feature in found}),
        "codes": [feature["code"] for feature in found] if "code" in layer.fields().names() else [],
        "shapes": sum(not feature.geometry().isEmpty() for feature in found),
    }


def told_of(layer, box=None):
    told = {"valid": layer.isValid(), "crs": layer.crs().authid(), "error": layer.error().message()}
    if layer.type() == layer.VectorLayer:
        fields = layer.fields()
        told["aliases"] = {field.name(): field.alias() for field in fields}
        told["widgets"] = {field.name(): fields.at(i).editorWidgetSetup().type() for i, field in enumerate(fields)}
        told["readonly"] = [field.name() for i, field in enumerate(fields) if layer.editFormConfig().readOnly(i)]
        told["renderer"] = layer.renderer().type()
        told["filter"] = layer.subsetString()
        told["attribution"] = " ".join(layer.metadata().rights())
        if box is not None and layer.subsetString():
            told["count"] = sum(1 for _ in layer.getFeatures(QgsFeatureRequest().setFilterRect(box)))
    return told


def project(file, picture):
    opened = QgsProject.instance()
    read = opened.read(file)
    layers = opened.mapLayers()
    settings = QgsMapSettings()
    settings.setLayers([node.layer() for node in opened.layerTreeRoot().findLayers() if node.isVisible()])
    settings.setOutputSize(QSize(800, 700))
    settings.setDestinationCrs(opened.crs())
    settings.setExtent(canvas_extent(file))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(picture)
    degrees = QgsCoordinateTransform(opened.crs(), QgsCoordinateReferenceSystem("EPSG:4326"), opened)
    box = degrees.transformBoundingBox(settings.extent())
    box.grow(0.1)
    colours = Counter(image.pixelColor(x, y).name() for x in range(0, 800, 2) for y in range(0, 700, 2))
    return {
        "read": read,
        "title": opened.title(),
        "crs": opened.crs().authid(),
        "groups": [group.name() for group in opened.layerTreeRoot().findGroups()],
        "layers": {layer.name(): told_of(layer, box) for layer in layers.values()},
        "errors": [error.message for error in job.errors()],
        "colours": dict(colours.most_common(15)),
    }


def canvas_extent(file):
    import zipfile
    from xml.etree import ElementTree

    with zipfile.ZipFile(file) as archive:
        extent = ElementTree.fromstring(archive.read(archive.namelist()[0])).find("mapcanvas/extent")
    return QgsRectangle(*(float(extent.find(name).text) for name in ("xmin", "ymin", "xmax", "ymax")))


def definition(file):
    done, problem = QgsLayerDefinition.loadLayerDefinition(
        file, QgsProject.instance(), QgsProject.instance().layerTreeRoot()
    )
    return {
        "done": done,
        "problem": problem,
        "layers": [told_of(x) for x in QgsProject.instance().mapLayers().values()],
    }


def style(file, base, name):
    layer = features_of(base, name)
    message, done = layer.loadSldStyle(file) if file.endswith(".sld") else layer.loadNamedStyle(file)
    labels = [item.label() for item in layer.renderer().legendSymbolItems()]
    colours = [symbol.color().name() for symbol in layer.renderer().symbols(QgsRenderContext())]
    return {"done": done, "message": message, "renderer": layer.renderer().type(), "labels": labels, "colours": colours}


def postgis(connection, view, geometry_type):
    source = QgsDataSourceUri(connection)
    source.setDataSource("published", view, "geom", "", "fid")
    source.setSrid("4326")
    source.setWkbType(QgsWkbTypes.parseType(geometry_type))
    layer = QgsVectorLayer(source.uri(False), view, "postgres")
    found = list(layer.getFeatures())
    looks = layer.renderer().symbols(QgsRenderContext())
    return told_of(layer) | {
        "writable": layer.startEditing(),
        "ids": len({feature.id() for feature in found}),
        "colours": [symbol.color().name() for symbol in looks],
        "edges": [symbol.symbolLayer(0).strokeColor().name() for symbol in looks],
    }


def file(source, provider):
    layer = QgsVectorLayer(source, "layer", provider)
    _message, found = layer.loadDefaultStyle()
    features = list(layer.getFeatures())
    told = told_of(layer)
    return told | {
        "count": len(features),
        "located": sum(feature.hasGeometry() for feature in features),
        "names": sorted(str(feature["name"]) for feature in features),
        "found": found,
        "colours": [symbol.color().name() for symbol in layer.renderer().symbols(QgsRenderContext())],
    }


program = QgsApplication([], False)
program.initQgis()
tasks = {
    "collection": collection,
    "project": project,
    "definition": definition,
    "style": style,
    "postgis": postgis,
    "file": file,
}
print(json.dumps(tasks[sys.argv[1]](*sys.argv[2:])))
QgsProject.instance().clear()
program.exitQgis()
