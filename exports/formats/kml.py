"""KML, a courtesy to whom has Google Earth."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from exports.formats import gdal
from exports.slices import Slice

#: In a text it would be escaped: where it stands, a placemark begins.
_MARK = b"<Placemark "
_PIECE = 1 << 20


def write(rows: Slice, target: Path) -> None:
    """Placemarks named after their rows, everything else as extended data."""
    gdal.write(
        rows,
        target,
        "KML",
        layer=rows.dataset.name.replace("-", "_"),
        dataset_options={"NameField": "name", "DescriptionField": "description"},
    )


def count(path: Path) -> int:
    """Number of placemarks that are read back, in flat memory. ValueError if the file is not what it should be."""
    parser, found, rest = expat.ParserCreate(), 0, b""
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                parser.Parse(piece)
                seen = rest + piece
                found += seen.count(_MARK)
                rest = seen[1 - len(_MARK) :]
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return found
