"""Synthetic citizen places, for benches and demonstrations: clearly labelled, the same for the same seed, any number.

From the command line; to `store.places`. Nine in ten lie around the middle of a commune drawn by its population, one in
ten anywhere in the bounding box of a territory, sea and neighbours included.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely

from geoplatform.model import DEFAULT_LICENCE, Category, Licence

SOURCE_NAME = "données de démonstration (fictives)"
_DESCRIPTION = "Lieu fictif, engendré pour la démonstration."
_BATCH = 10_000
_ANYWHERE = 0.1
_KINDS = ("merchant", "service", "association", "project")
_KIND_SHARES = (0.4, 0.2, 0.3, 0.1)
_LICENCES = (
    DEFAULT_LICENCE,
    Licence.ODBL,
    Licence.ETALAB,
    Licence.CC_BY_SA,
    Licence.CC0,
    Licence.DISPLAY_ONLY,
)
_LICENCE_SHARES = (0.6, 0.15, 0.08, 0.07, 0.05, 0.05)
_FIRST = (
    "Les Amis",
    "Chez",
    "Atelier",
    "Le Comptoir",
    "La Ruche",
    "Au Bon",
    "Collectif",
    "Espace",
    "La Petite",
    "Le Grand",
)
_LAST = (
    "du Marché",
    "Zoé",
    "des Halles",
    "Soleil",
    "de l'Étang",
    "du Piton",
    "des Filaos",
    "Papillon",
    "Mascarin",
    "Vétiver",
)


def places(
    count: int,
    seed: int,
    centres: np.ndarray,
    radii: np.ndarray,
    populations: np.ndarray,
    boxes: np.ndarray,
    categories: dict[str, Category],
) -> Iterator[tuple[Any, ...]]:
    """`count` rows for `store.places.load_bulk`.

    `centres` (n, 2) degrees lon/lat and `radii` (n,) degrees of communes, `populations` (n,) their weights;
    `boxes` (m, 4) degrees west, south, east, north of territories.
    """
    draw = np.random.default_rng(seed)
    names = random.Random(seed)  # noqa: S311 - a demonstration, not a secret
    by_kind = {kind: [code for code, category in categories.items() if category.kind == kind] for kind in _KINDS}
    weights = (populations + 1) / (populations + 1).sum()
    for begin in range(0, count, _BATCH):
        size = min(_BATCH, count - begin)
        home = draw.choice(len(centres), size, p=weights)
        points = centres[home] + draw.normal(0, 0.5, (size, 2)) * radii[home][:, None]
        anywhere = draw.random(size) < _ANYWHERE
        box = boxes[draw.integers(0, len(boxes), size)]
        points[anywhere] = (box[:, :2] + draw.random((size, 2)) * (box[:, 2:] - box[:, :2]))[anywhere]
        points = np.round(np.clip(points, (-180, -90), (180, 90)), 7)
        kinds = draw.choice(_KINDS, size, p=_KIND_SHARES)
        licences = draw.choice([str(licence) for licence in _LICENCES], size, p=_LICENCE_SHARES)
        ewkb = shapely.to_wkb(shapely.set_srid(shapely.points(points), 4326), include_srid=True)
        for index in range(size):
            kind = str(kinds[index])
            identifier = uuid.uuid5(uuid.NAMESPACE_OID, f"geoplatform synthetic {seed} {begin + index}")
            name = f"{names.choice(_FIRST)} {names.choice(_LAST)} (démonstration)"
            category = names.choice(by_kind[kind])
            yield (
                identifier, kind, category, name, _DESCRIPTION, None, None, None, None,
                str(licences[index]), "synthetic", SOURCE_NAME, ewkb[index],
            )  # fmt: skip
