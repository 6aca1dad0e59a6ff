"""What remains of a release once some places are taken out of it: its files anew, from its own. From `exports.erasure.applying`."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exports import papers, processes
from exports.changes.comparing import identifier
from exports.datasets import Dataset
from exports.formats import FORMATS
from exports.publishing import made, summed
from exports.slices import FEATURE, Slice, written
from geoplatform.model import Vintage, VintageState
from geoplatform.store.collections import GEOMETRY
from geoplatform.store.cutting import Moment
from geoplatform.store.erasures import Gone
from geoplatform.store.releases import Release, ReleasedFile

#: What a release is read from: values with their types, and features as they are spelled.
_VALUES, _SPELLED = "parquet", "geojsonseq"


class Unfit(Exception):
    """A release's own files are missing, damaged, or of other columns than today's: nothing can be made of them."""


def can_be(release: Release, gone: Sequence[Gone]) -> bool:
    """Whether a release has the files that it takes to make it anew without these."""
    have = {(file.format, file.licence) for file in release.files}
    return all((form, licence) in have for form in (_VALUES, _SPELLED) for licence in {one.licence for one in gone})


def remade(
    old: Path, work: Path, dataset: Dataset, release: Release, name: str, gone: Sequence[Gone], workers: int
) -> tuple[ReleasedFile, ...]:
    """The files of `release` (in the folder `old`) without what is gone, in `work`/files, as a release called `name`.

    Files of licences that lose nothing are the same; of the others, tiles are left out, which are cut from the database.
    Unfit if the release's files do not agree, are damaged or missing, or have other columns than `dataset`; OSError or ValueError
    if the new ones could not be written.
    """
    moment = _moment(old / "manifest.json")
    ready = work / "files"
    ready.mkdir(parents=True)
    files: dict[str, ReleasedFile] = {}
    with processes.pool(workers) as pool:
        waiting = []
        for licence in dict.fromkeys(file.licence for file in release.files if file.licence):
            own = {file.format: file for file in release.files if file.licence == licence}
            names = [one.place_id for one in gone if one.licence == licence]
            if not names:
                for file in own.values():
                    _same(old / file.name, ready / file.name)
                    files[file.name] = file
                continue
            rows = Slice(dataset, licence, (work / f"{licence}.arrow",), 0, 0, moment.changed_at.date().isoformat())
            try:
                rest = _sifted(rows, old / own[_VALUES].name, old / own[_SPELLED].name, names)
            except (
                EOFError,
                zlib.error,
                gzip.BadGzipFile,
                FileNotFoundError,
                pa.ArrowInvalid,
                msgspec.MsgspecError,
            ) as error:
                raise Unfit(f"{own[_SPELLED].name}: {error}") from error
            for file in own.values():
                if file.format in FORMATS and not FORMATS[file.format].needs_tiles:
                    waiting.append(pool.submit(made, rest, file.format, ready / file.name))
        try:
            for one in waiting:
                file = one.result()
                files[file.name] = file
        finally:
            pool.shutdown(cancel_futures=True)
    for receipt in ready.glob(".*.json"):
        receipt.unlink()
    ordered = [files[file.name] for file in release.files if file.name in files]
    return (*ordered, *papers.write(ready, dataset, name, moment, ordered, [], summed, remains_of=release.name))


def _sifted(rows: Slice, values: Path, spelled: Path, without: Sequence[str]) -> Slice:
    """The slice out of two of a release's files, without some rows."""
    count = located = 0
    names = [*rows.names, GEOMETRY]
    out = pa.array(sorted(without), pa.string())
    with pq.ParquetFile(values) as file, gzip.open(spelled, "rb") as lines:
        found = file.schema_arrow
        if others := sorted(set(names) ^ (set(found.names) - {"bbox"})):
            raise Unfit(f"{values.name} has other columns than today: {', '.join(others)}")
        fields = [found.field(name).remove_metadata() for name in names]
        schema = pa.schema([*fields, pa.field(FEATURE, pa.string())])
        with written(rows.paths[0], schema) as writer:
            for batch in file.iter_batches(columns=names):
                features = [line.rstrip(b"\n") for line in islice(lines, batch.num_rows)]
                ids = batch.column("id").to_pylist()
                if [identifier(feature) for feature in features] != ids:
                    raise Unfit(f"{values.name} and {spelled.name} do not hold the same rows")
                columns = [*(batch.column(name) for name in names), pa.array(features, pa.binary()).cast(pa.string())]
                whole = pa.RecordBatch.from_arrays(columns, schema=schema)
                part = whole.filter(pc.invert(pc.is_in(whole.column("id"), out)))
                writer.write_batch(part)
                count += part.num_rows
                located += part.num_rows - part.column(GEOMETRY).null_count
        if lines.read(1):
            raise Unfit(f"{spelled.name} holds more rows than {values.name}")
    return replace(rows, count=count, located=located)


def _moment(manifest: Path) -> Moment:
    """What a release is true of. Unfit for a manifest that does not tell it."""
    try:
        told = json.loads(manifest.read_text())
        of = told["vintage"]
        day = dt.date.fromisoformat(of["effective_on"])
        vintage = Vintage(
            0, of["year"], day, "", VintageState.RETIRED, "", of["attribution"], of["licence"], of["edition"], 0.0
        )
        at, changed = (dt.datetime.fromisoformat(told[name]) for name in ("cut_at", "changed_at"))
        return Moment("", at, "", changed, vintage, told["change_seq"])
    except (KeyError, TypeError, ValueError, FileNotFoundError) as error:
        raise Unfit(f"{manifest.name} does not tell what it is true of: {error}") from error


def _same(old: Path, new: Path) -> None:
    """The same file in another place: as a link where the disk can, else as a copy."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
