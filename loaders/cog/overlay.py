"""A boundary set completed by INSEE's lists of its year. From the command line; to `loaders.run`."""

from __future__ import annotations

from dataclasses import replace

from loaders.boundaries import BoundarySet, Communes
from loaders.cog.lists import CogList


def completed(boundaries: BoundarySet, cog: CogList) -> BoundarySet:
    """The set with the official names, units, postal codes and populations, and the list of communes it must hold.

    A commune that the lists do not have stays as the publisher gives it; the gate `count` tells.
    """
    notes = boundaries.notes  # the reader goes on adding to it
    notes += cog.notes
    if cog.year is not None and cog.year != boundaries.edition.year:
        notes.append(f"the lists are those of {cog.year}, the limits those of {boundaries.edition.year}")
    return replace(
        boundaries,
        communes=lambda: (_completed(batch, cog) for batch in boundaries.communes()),
        listed=frozenset(cog.communes),
        regions=cog.regions or boundaries.regions,
        departments=cog.departments or boundaries.departments,
        epci=cog.epci or boundaries.epci,
    )


def _completed(communes: Communes, cog: CogList) -> Communes:
    for index, code in enumerate(communes.codes):
        known = cog.communes.get(code)
        if known is not None:
            communes.names[index] = known.name
            communes.department_codes[index] = known.department_code or communes.department_codes[index]
            communes.region_codes[index] = known.region_code or communes.region_codes[index]
        communes.epci_codes[index] = cog.epci_of.get(code, None if cog.epci else communes.epci_codes[index])
        communes.postal_codes[index] = cog.postal_codes.get(code, communes.postal_codes[index])
        communes.populations[index] = cog.populations.get(code, communes.populations[index])
    return communes
