"""What collections and their properties are called, for people: French first, English by choice."""

from __future__ import annotations

from flask_babel import gettext as _

from geoplatform.web import language

#: What each property means. In English the comments of the database say it.
_MEANINGS = {
    "id": "Identifiant (UUID).",
    "code": "Code officiel : INSEE, ou SIREN pour une intercommunalité ; du texte, zéros compris.",
    "name": "Nom ; d'une commune, avec son article.",
    "kind": "D'un lieu : merchant (commerce), service, association ou project (projet). D'une intercommunalité : CC, CA, CU ou ME.",
    "category": "Catégorie à l'intérieur de la sorte.",
    "description": "Description.",
    "address": "Adresse postale telle que saisie.",
    "phone": "Numéro de téléphone public.",
    "website": "Adresse de son site.",
    "opening_hours": "Horaires, dans la syntaxe d'OpenStreetMap.",
    "stage": "Avancement d'un projet : idea, planned, running, done ou stopped.",
    "starts_on": "Premier jour d'un projet.",
    "ends_on": "Dernier jour d'un projet.",
    "licence": "Identifiant SPDX de la licence choisie par la personne qui a contribué.",
    "source": "citizen (habitants), register (registre public) ou synthetic (démonstration).",
    "source_name": "Nom du registre ou du générateur.",
    "verdict": "Où se trouve le point : inside (dedans), border (près d'une limite), gap (lacune), sea (mer) ou abroad (étranger).",
    "commune_code": "Code INSEE de la commune où il se trouve.",
    "commune_name": "Nom de cette commune.",
    "department_code": "Code INSEE du département.",
    "department_name": "Nom du département.",
    "region_code": "Code INSEE de la région.",
    "region_name": "Nom de la région.",
    "epci_code": "Numéro SIREN de l'intercommunalité, s'il y en a une.",
    "epci_name": "Nom de l'intercommunalité.",
    "territory_code": "FXX pour la métropole, sinon le territoire d'outre-mer.",
    "postal_codes": "Codes postaux de la commune (La Poste).",
    "population": "Population municipale (INSEE).",
    "area_km2": "Superficie des limites chargées, en kilomètres carrés.",
    "geometry_source": "source, repaired (réparée), composed (de ses communes déléguées) ou missing (absente).",
    "vintage": "Année du millésime.",
    "legal_srid": "Code EPSG du système de coordonnées légal du territoire.",
    "communes": "Nombre de ses communes ; rien si le millésime en vigueur n'a pas le territoire.",
    "communes_without_geometry": "Combien d'entre elles sont sans limites.",
    "distance_m": "Mètres jusqu'à la limite de commune la plus proche, en deçà d'un kilomètre.",
    "commune_code_at_entry": "Code INSEE de la commune où il se trouvait à la saisie.",
    "version": "Numéro de version, à partir de 1.",
    "created_on": "Jour de la saisie (UTC).",
    "modified_on": "Jour de la dernière modification (UTC).",
    "geom": "Géométrie, longitude et latitude WGS 84.",
}  # fmt: skip


def meanings(of_database: dict[str, str]) -> dict[str, str]:
    """What each property means in the reader's language. `of_database`: the database's own comments."""
    return {**of_database, **_MEANINGS} if language.chosen() == "fr" else of_database


def titles() -> dict[str, str]:
    """Title of each collection."""
    return {
        "communes": _("Communes"),
        "departments": _("Départements"),
        "regions": _("Régions"),
        "epci": _("Intercommunalités"),
        "territories": _("Territoires"),
        "places": _("Lieux"),
    }


def descriptions() -> dict[str, str]:
    """What each collection holds."""
    return {
        "communes": _("Les communes en vigueur avec leurs limites officielles ; celles d'un autre millésime avec « vintage »."),
        "departments": _("Les départements, réunis à partir de leurs communes."),
        "regions": _("Les régions, réunies à partir de leurs communes."),
        "epci": _("Les intercommunalités à fiscalité propre (EPCI), réunies à partir de leurs communes."),
        "territories": _("La métropole et les territoires d'outre-mer, avec ce que le millésime en vigueur contient de chacun."),
        "places": _("Commerces, services, associations et projets, chacun sous la licence de la personne qui l'a ajouté."),
    }  # fmt: skip


def labels() -> dict[str, str]:
    """Name of each property, whatever collection it is of."""
    return {
        "id": _("Identifiant"),
        "code": _("Code"),
        "name": _("Nom"),
        "kind": _("Sorte"),
        "category": _("Catégorie"),
        "description": _("Description"),
        "address": _("Adresse"),
        "phone": _("Téléphone"),
        "website": _("Site web"),
        "opening_hours": _("Horaires"),
        "stage": _("Avancement"),
        "starts_on": _("Début"),
        "ends_on": _("Fin"),
        "licence": _("Licence"),
        "source": _("Origine"),
        "source_name": _("Nom de l'origine"),
        "verdict": _("Situation"),
        "commune_code": _("Code de la commune"),
        "commune_name": _("Commune"),
        "department_code": _("Code du département"),
        "department_name": _("Département"),
        "region_code": _("Code de la région"),
        "region_name": _("Région"),
        "epci_code": _("Code de l'intercommunalité"),
        "epci_name": _("Intercommunalité"),
        "territory_code": _("Territoire"),
        "postal_codes": _("Codes postaux"),
        "population": _("Population"),
        "area_km2": _("Superficie (km²)"),
        "geometry_source": _("Origine des limites"),
        "vintage": _("Millésime"),
        "legal_srid": _("Système de coordonnées légal (EPSG)"),
        "communes": _("Nombre de communes"),
        "communes_without_geometry": _("Communes sans limites"),
        "distance_m": _("Distance à la limite (m)"),
        "commune_code_at_entry": _("Code de la commune à la saisie"),
        "version": _("Version"),
        "created_on": _("Ajouté le"),
        "modified_on": _("Modifié le"),
        "geom": _("Géométrie"),
    }
