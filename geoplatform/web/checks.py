"""What the checks of a load said, in the reader's language. From `web.vintages`; the keys are the loaders' (`report.gates`)."""

from __future__ import annotations

from typing import Any

from flask_babel import format_decimal
from flask_babel import lazy_gettext as _

_SENTENCES = {
    "count.none": _("aucune commune"),
    "count.differs": _(
        "%(found)s communes dans %(departments)s départements ; sur les %(listed)s du Code officiel géographique %(year)s, "
        "%(missing)s manquent, et %(strange)s n’y figurent pas : est-ce le bon millésime ?"
    ),
    "count.exact": _(
        "%(found)s communes dans %(departments)s départements, exactement celles du Code officiel géographique %(year)s"
    ),
    "count.unexpected": _("%(found)s communes dans %(departments)s départements, %(expected)s attendues"),
    "count.unlisted": _("%(found)s communes dans %(departments)s départements ; aucune liste officielle à laquelle les comparer"),
    "count.expected": _("%(found)s communes dans %(departments)s départements"),
    "duplicates": _("codes présents deux fois : %(count)s"),
    "geometry": _("%(present)s avec un polygone, %(lacking)s sans"),
    "validity": _("polygones qu’il a fallu rendre valides : %(count)s"),
    "coverage.exact": _("toutes les limites partagées coïncident"),
    "coverage.mismatched": _("communes dont les limites ne coïncident pas avec celles de leurs voisines : %(count)s"),
    "overlaps": _(
        "paires de communes qui se recouvrent : %(pairs)s (%(hectares)s ha), dont plus larges que la précision : %(wide)s"
    ),
    "gaps": _("trous plus larges que la précision : %(count)s (%(area_km2)s km²)"),
    "departments": _("communes d’un département inconnu : %(count)s"),
    "territories.some": _("%(present)s des %(all)s territoires ont des limites ; la source n’en a pas pour %(codes)s"),
    "territories.all": _("les %(all)s territoires"),
    "areas.alone": _("aucun millésime antérieur des mêmes départements auquel les comparer"),
    "areas.compared": _(
        "départements dont la superficie diffère de plus de %(allowed)s %% de celle du millésime alors en vigueur : "
        "%(moved)s sur %(compared)s ; le plus grand écart : %(department)s, %(drift)s %%"
    ),
    "neighbours.alone": _("aucun millésime antérieur des mêmes communes auquel les comparer"),
    "neighbours.compared": _(
        "sur %(compared)s paires de voisines aux codes inchangés, %(gained)s sont nouvelles et %(lost)s ont disparu, "
        "au-delà de la précision"
    ),
    "drawing": _("%(copies)s copies simplifiées ; communes qui n’y touchent pas leurs voisines : %(count)s"),
}  # fmt: skip
_FINDINGS = {
    "gap": _("l’union des communes a un trou ici"),
    "overlap": _("les deux communes ont ce terrain"),
    "repaired": _("polygone rendu valide"),
    "edge": _("ces limites ne coïncident pas avec celles de la voisine"),
}
_DRIFT, _ONE_DIGIT = "+0.00;-0.00", "#,##0.0"


def sentence(gate: dict[str, Any]) -> str:
    """What a gate of a report says."""
    return str(_SENTENCES[gate["says"]]) % {name: _spelled(name, value) for name, value in gate["facts"].items()}


def findings() -> dict[str, str]:
    """What to say of each kind of finding on the map."""
    return {kind: str(words) for kind, words in _FINDINGS.items()}


def report(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored report whose gates speak the reader's language."""
    return {**stored, "gates": [{**gate, "detail": sentence(gate)} for gate in stored.get("gates", [])]}


def _spelled(name: str, value: int | float | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(format_decimal(value))
    return str(format_decimal(value, format=_DRIFT if name == "drift" else _ONE_DIGIT))
