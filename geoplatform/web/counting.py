"""Figures for whoever runs the platform, in Prometheus' format: what becomes of requests for tiles, by layer and zoom."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from geoplatform.store.tiles import Layer

_LABELS = ("layer", "zoom")


class TileMetrics:
    """Counters of one process; where PROMETHEUS_MULTIPROC_DIR names a folder, those of all processes are added up there."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("geoplatform_tile_requests", "Tiles asked for, by what became of it: hit (kept), "
                                 "not_modified (304), made.", (*_LABELS, "outcome"), registry=self._registry)  # fmt: skip
        self._bytes = Counter(
            "geoplatform_tile_bytes", "Bytes of tiles sent, packed.", _LABELS, registry=self._registry
        )
        self._seconds = Counter(
            "geoplatform_tile_sql_seconds", "Seconds the store took to make tiles.", _LABELS, registry=self._registry
        )
        self._children: dict[tuple[Layer, int, str], tuple[Counter, Counter, Counter]] = {}

    def count(self, layer: Layer, z: int, outcome: str, seconds: float | None, size: int) -> None:
        """Note one tile: `outcome` hit, not_modified or made; `seconds` in the store where it was made; bytes sent."""
        key = layer, z, outcome
        if key not in self._children:
            self._children[key] = (
                self._requests.labels(layer.value, z, outcome),
                self._bytes.labels(layer.value, z),
                self._seconds.labels(layer.value, z),
            )
        requests, sent, spent = self._children[key]
        requests.inc()
        if size:
            sent.inc(size)
        if seconds is not None:
            spent.inc(seconds)

    def told(self) -> bytes:
        """All figures in Prometheus' text format."""
        registry = self._registry
        if values.ValueClass._multiprocess:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
