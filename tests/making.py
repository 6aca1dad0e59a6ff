"""Files as publishers write them, made small for tests: the shapes of a drawing in any format, system and encoding."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyproj import Transformer

_DRIVERS = {".shp": "ESRI Shapefile", ".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"}


def squares(west: float, south: float, count: int, side: float = 0.05) -> list[shapely.Geometry]:
    """`count` squares side by side, from west to east; neighbours share their corners to the bit."""
    xs = [west + n * side for n in range(count + 1)]
    return [shapely.box(xs[n], south, xs[n + 1], south + side) for n in range(count)]


def written(
    path: Path,
    columns: dict[str, list[Any]],
    shapes: list[Any],
    crs: str | None = "EPSG:4326",
    layer: str | None = None,
    kind: str = "MultiPolygon",
    **options: Any,
) -> Path:
    """A file of features. `shapes` are in EPSG:4326 and written in `crs`."""
    if crs not in (None, "EPSG:4326", "OGC:CRS84"):
        project = Transformer.from_crs(4326, crs, always_xy=True).transform
        shapes = list(shapely.transform(np.array(shapes, dtype=object), project, interleaved=False))
    if kind == "MultiPolygon":
        shapes = [None if s is None else shapely.MultiPolygon([s]) if s.geom_type == "Polygon" else s for s in shapes]
    pyogrio.raw.write(
        path,
        np.array([None if s is None else shapely.to_wkb(s) for s in shapes], dtype=object),
        [np.array(values, dtype=object if isinstance(values[0], str | None) else None) for values in columns.values()],
        list(columns),
        geometry_type=kind,
        crs=crs,
        driver=_DRIVERS[path.suffix],
        layer=layer,
        append=path.exists() and path.suffix == ".gpkg",
        **options,
    )
    return path


def zipped(archive: Path, *files: Path, folder: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of the files, and of what lies beside a Shapefile."""
    with zipfile.ZipFile(archive, "w", method) as packed:
        for file in files:
            beside = file.parent.glob(file.stem + ".*") if file.suffix == ".shp" else [file]
            for one in sorted(beside):
                packed.write(one, f"{folder}{one.name}")
    return archive


def workbook(path: Path, rows: list[list[str | float]]) -> Path:
    """An .xlsx with one sheet (ECMA-376), the least that readers accept."""

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{spreadsheet}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{spreadsheet}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="a" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return path


BAN = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;code_insee_ancienne_commune;nom_ancienne_commune;x;y;lon;lat;"
    "type_position;alias;nom_ld;libelle_acheminement;nom_afnor;source_position;source_nom_voie;certification_commune;cad_parcelles"
)


def ban_line(number: object = 12, street: str = "Rue de la Paix", code: str = "97401", **other: object) -> str:
    """A line of the BAN's file of a department. `way` ends the identifier of its street, `former` names a former commune."""
    known = {
        "suffix": "",
        "postal": "97400",
        "city": "Commune A",
        "former": "",
        "lon": 55.01,
        "lat": -21.59,
        "way": "0080",
    }
    told = {**known, **other}
    tail = f"_{told['suffix']}" if told["suffix"] else ""
    cells = [
        told.get("id", f"{code}_{told['way']}_{number:0>5}{tail}"), "", number, told["suffix"],
        f'"{street}"' if ";" in street else street, told["postal"], code, told["city"], "", told["former"], "338000.1", "7650000.2",
        told["lon"], told["lat"], "entrée", "", "", "SAINT DENIS", "RUE", "commune", "commune", "1", "97401000AB0012",
    ]  # fmt: skip
    return ";".join(map(str, cells))


def ban(path: Path, *lines: str) -> Path:
    """A file of addresses as the BAN publishes them: UTF-8, semicolons, packed if its name ends so."""
    content = "\n".join([BAN, *lines, ""]).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
