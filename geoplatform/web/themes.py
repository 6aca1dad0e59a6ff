"""MapLibre styles of the tiles, one per theme, for whoever shows them elsewhere: MapLibre, QGIS, an embedded map.

No `glyphs` and no sprite: they would be somebody's server. So there is no writing in them; a client adds its own. The
pages' own map has its style in frontend/src/style.js, with the same colours (page.css; a test compares).
"""

from __future__ import annotations

from typing import Any

from geoplatform.model import Kind

THEMES: dict[str, dict[str, str]] = {
    "light": {
        "map-water": "#d5e1e3", "map-land": "#fbf7ee", "map-line": "#b3a88f", "map-department": "#8f846c", "map-halo": "#fffdf8",
        "map-cluster": "#2f4a44", "kind-merchant": "#c75000", "kind-service": "#0068a8", "kind-association": "#00805c",
        "kind-project": "#a63f83",
    },
    "dark": {
        "map-water": "#12181b", "map-land": "#29312d", "map-line": "#55605a", "map-department": "#76827b", "map-halo": "#171c1a",
        "map-cluster": "#cfe3da", "kind-merchant": "#ff9d57", "kind-service": "#6bbdf0", "kind-association": "#3fcf9f",
        "kind-project": "#ec9fcd",
    },
}  # fmt: skip
#: From below to above.
_FILLED = ("departments", "communes")


def style(theme: str, name: str, layers: list[str], sources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A MapLibre style (version 8) of these layers. `sources`: one for each layer, by its name, as the specification has it."""
    colour = THEMES[theme]
    drawn: list[dict[str, Any]] = [
        {"id": "background", "type": "background", "paint": {"background-color": colour["map-water"]}}
    ]
    for layer in _FILLED:
        if layer in layers:
            drawn.append(_of(layer, "fill", "fill", {"fill-color": colour["map-land"], "fill-antialias": False}))
    if "communes" in layers:
        width = ["interpolate", ["linear"], ["zoom"], 6, 0.2, 8, 0.4, 11, 1, 15, 1.6]
        drawn.append(_of("communes", "line", "line", {"line-color": colour["map-line"], "line-width": width}))
    if "departments" in layers:
        width = ["interpolate", ["linear"], ["zoom"], 3, 0.5, 8, 1.5]
        drawn.append(_of("departments", "line", "line", {"line-color": colour["map-department"], "line-width": width}))
    if "places" in layers:
        drawn += _places(colour)
    return {
        "version": 8,
        "name": name,
        "metadata": {"theme": theme},
        "center": [2.5, 46.6],
        "zoom": 5,
        "sources": {layer: sources[layer] for layer in layers},
        "layers": drawn,
    }


def _places(colour: dict[str, str]) -> list[dict[str, Any]]:
    # Plain comparisons and steps: QGIS takes what it does not understand for true.
    several, alone = [">", ["get", "point_count"], 1], ["==", ["get", "point_count"], 1]
    radius = ["step", ["get", "point_count"], 9, 10, 12, 100, 16, 1000, 20, 10000, 26]
    by_kind = ["match", ["get", "kind"]] + [
        part for kind in Kind for part in (kind.value, colour[f"kind-{kind.value}"])
    ]
    edge = {"circle-stroke-color": colour["map-halo"], "circle-stroke-width": 1.5}
    clusters = _of(
        "places", "clusters", "circle", {"circle-color": colour["map-cluster"], "circle-radius": radius, **edge}
    )
    points = _of("places", "points", "circle", {
        "circle-color": [*by_kind, colour["kind-service"]],
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 6, 3, 14, 6],
        **edge,
    })  # fmt: skip
    return [{**clusters, "filter": several}, {**points, "filter": alone}]


def _of(layer: str, what: str, kind: str, paint: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"{layer}-{what}", "type": kind, "source": layer, "source-layer": layer, "paint": paint}
