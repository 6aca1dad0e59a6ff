-- What may leave: the published views. Every column has a COMMENT: it is the API documentation, the alias in QGIS and
-- the data dictionary. Each view has a bigint fid for QGIS.
SET ROLE geoplatform_owner;

CREATE FUNCTION published.schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = geoplatform, pg_temp
AS $$ SELECT max(schema_version) FROM geoplatform.installation $$;

-- How far the data have come, and when they last changed: the same text as long as nothing did. data: limits or places.
-- items: how many places published.place_items shows.
CREATE FUNCTION published.revision(of_data text) RETURNS TABLE (revision text, changed_at timestamptz, items bigint)
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = geoplatform, pg_temp
AS $$
    SELECT coalesce(sum(s.steps), 0) || '.' || coalesce(max(s.transaction_number), 0), max(s.stepped_at),
           coalesce(sum(s.items), 0)::bigint
    FROM revision_step AS s WHERE s.data = of_data
$$;

CREATE VIEW published.vintages AS
SELECT v.id, v.year, v.effective_on, v.title, v.state, v.publisher, v.attribution, v.licence, v.edition, v.precision_m,
       v.activated_at,
       (v.report -> 'counts' ->> 'communes')::integer AS communes,
       (v.report -> 'counts' ->> 'without_geometry')::integer AS communes_without_geometry,
       v.report, v.reattribution
FROM geoplatform.vintage AS v
WHERE v.state <> 'staged';
COMMENT ON VIEW published.vintages IS 'Sets of official boundaries, past and present.';
COMMENT ON COLUMN published.vintages.id IS 'Number of the vintage in this database.';
COMMENT ON COLUMN published.vintages.year IS 'Year of the Code officiel géographique.';
COMMENT ON COLUMN published.vintages.effective_on IS 'Day from which these communes were in force.';
COMMENT ON COLUMN published.vintages.title IS 'Title, in French.';
COMMENT ON COLUMN published.vintages.state IS 'active: the one in force here; retired: an earlier one.';
COMMENT ON COLUMN published.vintages.publisher IS 'Who publishes the boundaries.';
COMMENT ON COLUMN published.vintages.attribution IS 'What must be said when the boundaries are shown.';
COMMENT ON COLUMN published.vintages.licence IS 'SPDX identifier of the licence of the boundaries.';
COMMENT ON COLUMN published.vintages.edition IS 'Edition of the list and of the geometry.';
COMMENT ON COLUMN published.vintages.precision_m IS '95 % of the limits lie within so many metres of the official ones.';
COMMENT ON COLUMN published.vintages.activated_at IS 'Since when it is in force here.';
COMMENT ON COLUMN published.vintages.communes IS 'Number of communes.';
COMMENT ON COLUMN published.vintages.communes_without_geometry IS 'Number of communes whose limits the source does not give.';
COMMENT ON COLUMN published.vintages.report IS 'What the loader counted and what its checks said.';
COMMENT ON COLUMN published.vintages.reattribution IS 'What became of the places of the vintage before, when this one was placed.';

CREATE VIEW published.vintage_findings AS
SELECT f.vintage_id, f.ordinal, f.kind, f.codes, f.area_km2, f.detail, f.geom
FROM geoplatform.vintage_finding AS f JOIN geoplatform.vintage AS v ON v.id = f.vintage_id AND v.state <> 'staged';
COMMENT ON VIEW published.vintage_findings IS 'What the checks of a vintage found, with its place on the map.';
COMMENT ON COLUMN published.vintage_findings.vintage_id IS 'Number of the vintage in this database.';
COMMENT ON COLUMN published.vintage_findings.ordinal IS 'Number of the finding within the vintage.';
COMMENT ON COLUMN published.vintage_findings.kind IS 'gap, overlap, repaired (polygon made valid) or edge (limits that do not match).';
COMMENT ON COLUMN published.vintage_findings.codes IS 'INSEE codes of the communes concerned.';
COMMENT ON COLUMN published.vintage_findings.area_km2 IS 'Area in square kilometres, where it has one.';
COMMENT ON COLUMN published.vintage_findings.detail IS 'Why a polygon had to be made valid (GEOS).';
COMMENT ON COLUMN published.vintage_findings.geom IS 'Where, WGS 84 longitude/latitude (EPSG:4326).';

CREATE VIEW published.former_communes AS SELECT code, name, until_on, how, successors FROM geoplatform.former_commune;
COMMENT ON VIEW published.former_communes IS 'INSEE codes that are no longer in force, and what holds their land today.';
COMMENT ON COLUMN published.former_communes.code IS 'INSEE code, five signs, text.';
COMMENT ON COLUMN published.former_communes.name IS 'Last official name.';
COMMENT ON COLUMN published.former_communes.until_on IS 'First day on which it was no longer in force.';
COMMENT ON COLUMN published.former_communes.how IS 'merged, moved (another code), split or gone.';
COMMENT ON COLUMN published.former_communes.successors IS 'INSEE codes of the communes that hold its land today.';

CREATE VIEW published.territories AS
SELECT t.code, t.name, t.legal_srid, e.communes, e.communes_without_geometry, e.area_km2, v.year AS vintage, e.geom
FROM geoplatform.territory AS t
LEFT JOIN geoplatform.vintage AS v ON v.state = 'active'
LEFT JOIN geoplatform.territory_edition AS e ON e.vintage_id = v.id AND e.code = t.code;
COMMENT ON VIEW published.territories IS 'The 13 territories of France, with what the active vintage holds of each.';
COMMENT ON COLUMN published.territories.code IS 'FXX for the metropole, else the three digits that begin its INSEE codes.';
COMMENT ON COLUMN published.territories.name IS 'Name.';
COMMENT ON COLUMN published.territories.legal_srid IS 'EPSG code of the projected CRS that the law prescribes there.';
COMMENT ON COLUMN published.territories.communes IS 'Number of its communes; none where the active vintage lacks the territory.';
COMMENT ON COLUMN published.territories.communes_without_geometry IS 'How many of them have no limits.';
COMMENT ON COLUMN published.territories.area_km2 IS 'Area in square kilometres in the legal CRS, of the limits as loaded.';
COMMENT ON COLUMN published.territories.vintage IS 'Year of the vintage.';
COMMENT ON COLUMN published.territories.geom IS 'Limits, WGS 84 longitude/latitude (EPSG:4326).';

CREATE VIEW published.regions AS
SELECT geoplatform.insee_fid(r.code) AS fid, r.code, r.name, v.year AS vintage, r.geom
FROM geoplatform.region AS r JOIN geoplatform.vintage AS v ON v.id = r.vintage_id AND v.state = 'active';
COMMENT ON VIEW published.regions IS 'Regions of the active vintage.';
COMMENT ON COLUMN published.regions.fid IS 'Integer identity, for QGIS.';
COMMENT ON COLUMN published.regions.code IS 'INSEE code of the region.';
COMMENT ON COLUMN published.regions.name IS 'Name of the region.';
COMMENT ON COLUMN published.regions.vintage IS 'Year of the vintage.';
COMMENT ON COLUMN published.regions.geom IS 'Limits, WGS 84 longitude/latitude (EPSG:4326).';

CREATE VIEW published.departments AS
SELECT geoplatform.insee_fid(d.code) AS fid, d.code, d.name, d.region_code, v.year AS vintage, d.geom
FROM geoplatform.department AS d JOIN geoplatform.vintage AS v ON v.id = d.vintage_id AND v.state = 'active';
COMMENT ON VIEW published.departments IS 'Departments of the active vintage, dissolved from their communes.';
COMMENT ON COLUMN published.departments.fid IS 'Integer identity, for tiles and QGIS.';
COMMENT ON COLUMN published.departments.code IS 'INSEE code of the department.';
COMMENT ON COLUMN published.departments.name IS 'Name of the department.';
COMMENT ON COLUMN published.departments.region_code IS 'INSEE code of its region.';
COMMENT ON COLUMN published.departments.vintage IS 'Year of the vintage.';
COMMENT ON COLUMN published.departments.geom IS 'Limits, WGS 84 longitude/latitude (EPSG:4326).';

CREATE VIEW published.epci AS
SELECT e.code::bigint AS fid, e.code, e.name, e.kind, v.year AS vintage, e.geom
FROM geoplatform.epci AS e JOIN geoplatform.vintage AS v ON v.id = e.vintage_id AND v.state = 'active';
COMMENT ON VIEW published.epci IS 'Intercommunalités (EPCI à fiscalité propre) of the active vintage.';
COMMENT ON COLUMN published.epci.fid IS 'Integer identity, for QGIS.';
COMMENT ON COLUMN published.epci.code IS 'SIREN number of the EPCI.';
COMMENT ON COLUMN published.epci.name IS 'Name of the EPCI.';
COMMENT ON COLUMN published.epci.kind IS 'CC communauté de communes, CA d''agglomération, CU urbaine, ME métropole.';
COMMENT ON COLUMN published.epci.vintage IS 'Year of the vintage.';
COMMENT ON COLUMN published.epci.geom IS 'Limits, WGS 84 longitude/latitude (EPSG:4326).';

-- The active vintage is asked for by a subquery, not by a join: only its partition is then opened.
CREATE VIEW published.communes AS
SELECT geoplatform.insee_fid(c.code) AS fid, c.code, c.name, c.department_code, d.name AS department_name, c.region_code, r.name AS region_name,
       c.epci_code, e.name AS epci_name, c.territory_code, c.postal_codes, c.population, c.area_km2, c.geometry_source,
       v.year AS vintage, c.geom
FROM geoplatform.commune AS c
JOIN geoplatform.vintage AS v ON v.id = c.vintage_id
LEFT JOIN geoplatform.department AS d ON d.vintage_id = c.vintage_id AND d.code = c.department_code
LEFT JOIN geoplatform.region AS r ON r.vintage_id = c.vintage_id AND r.code = c.region_code
LEFT JOIN geoplatform.epci AS e ON e.vintage_id = c.vintage_id AND e.code = c.epci_code
WHERE c.vintage_id = (SELECT a.id FROM geoplatform.vintage AS a WHERE a.state = 'active');
COMMENT ON VIEW published.communes IS 'Communes of the active vintage.';
COMMENT ON COLUMN published.communes.fid IS 'Integer identity, for tiles and QGIS (the INSEE code is not an integer).';
COMMENT ON COLUMN published.communes.code IS 'INSEE code, five signs, text.';
COMMENT ON COLUMN published.communes.name IS 'Official name with its article.';
COMMENT ON COLUMN published.communes.department_code IS 'INSEE code of the department.';
COMMENT ON COLUMN published.communes.department_name IS 'Name of the department.';
COMMENT ON COLUMN published.communes.region_code IS 'INSEE code of the region.';
COMMENT ON COLUMN published.communes.region_name IS 'Name of the region.';
COMMENT ON COLUMN published.communes.epci_code IS 'SIREN number of the EPCI it belongs to, if any.';
COMMENT ON COLUMN published.communes.epci_name IS 'Name of the EPCI.';
COMMENT ON COLUMN published.communes.territory_code IS 'FXX for the metropole, else the overseas territory.';
COMMENT ON COLUMN published.communes.postal_codes IS 'Postal codes used in the commune (La Poste).';
COMMENT ON COLUMN published.communes.population IS 'Municipal population (INSEE).';
COMMENT ON COLUMN published.communes.area_km2 IS 'Area in square kilometres on the ellipsoid, of the limits as loaded (EPSG:6933).';
COMMENT ON COLUMN published.communes.geometry_source IS 'source, repaired, composed (of its delegated communes) or missing.';
COMMENT ON COLUMN published.communes.vintage IS 'Year of the vintage.';
COMMENT ON COLUMN published.communes.geom IS 'Limits, WGS 84 longitude/latitude (EPSG:4326); none if the source gives none.';

CREATE VIEW published.commune_editions AS
SELECT c.vintage_id, geoplatform.insee_fid(c.code) AS fid, c.code, c.name, c.department_code, d.name AS department_name, c.region_code, r.name AS region_name,
       c.epci_code, e.name AS epci_name, c.territory_code, c.postal_codes, c.population, c.area_km2, c.geometry_source,
       v.year AS vintage, n.search_key, c.geom
FROM geoplatform.commune AS c
JOIN geoplatform.vintage AS v ON v.id = c.vintage_id AND v.state <> 'staged'
LEFT JOIN geoplatform.commune_name AS n ON n.vintage_id = c.vintage_id AND n.code = c.code
LEFT JOIN geoplatform.department AS d ON d.vintage_id = c.vintage_id AND d.code = c.department_code
LEFT JOIN geoplatform.region AS r ON r.vintage_id = c.vintage_id AND r.code = c.region_code
LEFT JOIN geoplatform.epci AS e ON e.vintage_id = c.vintage_id AND e.code = c.epci_code;
COMMENT ON VIEW published.commune_editions IS 'Communes of every vintage, past and present.';
COMMENT ON COLUMN published.commune_editions.vintage_id IS 'Number of the vintage in this database.';
COMMENT ON COLUMN published.commune_editions.search_key IS 'Name as it is searched: without accents, case, hyphens and article.';

CREATE VIEW published.categories AS SELECT code, kind, label_fr, label_en, osm_tag, schema_org FROM geoplatform.category;
COMMENT ON VIEW published.categories IS 'Categories of places.';
COMMENT ON COLUMN published.categories.code IS 'Code of the category.';
COMMENT ON COLUMN published.categories.kind IS 'Kind of place it belongs to.';
COMMENT ON COLUMN published.categories.label_fr IS 'Label in French.';
COMMENT ON COLUMN published.categories.label_en IS 'Label in English.';
COMMENT ON COLUMN published.categories.osm_tag IS 'OpenStreetMap tag that means the same.';
COMMENT ON COLUMN published.categories.schema_org IS 'Type of schema.org.';

-- THE rule of what the public sees of a place. Status and visibility are decided here and nowhere else.
-- A place shown at commune level only keeps its point, address, verdict and distance to itself: `border` would put it
-- on a line.
CREATE VIEW published.place_editions AS
SELECT l.vintage_id, p.id, p.fid, p.kind, p.category, p.name, p.description,
       CASE WHEN p.visibility = 'public' THEN p.address END AS address,
       p.phone, p.website, p.opening_hours, p.stage, p.starts_on, p.ends_on, p.licence, p.source, p.source_name,
       CASE WHEN p.visibility = 'public' THEN l.verdict END AS verdict,
       CASE WHEN p.visibility = 'public' THEN l.method END AS method, l.commune_code, c.name AS commune_name, c.department_code, c.region_code, c.epci_code,
       CASE WHEN p.visibility = 'public' THEN l.distance_m END AS distance_m,
       v.year AS vintage, p.commune_code_at_entry, p.version,
       (p.created_at AT TIME ZONE 'UTC')::date AS created_on,
       (p.modified_at AT TIME ZONE 'UTC')::date AS modified_on,
       p.shown_geom AS geom, p.shown_geom_3857 AS geom_3857, p.shown_quadkey AS quadkey
FROM geoplatform.place AS p
JOIN geoplatform.placement AS l ON l.place_id = p.id
JOIN geoplatform.vintage AS v ON v.id = l.vintage_id AND v.state <> 'staged'
LEFT JOIN geoplatform.commune AS c ON c.vintage_id = l.vintage_id AND c.code = l.commune_code
WHERE geoplatform.is_public(p.status, p.visibility);
COMMENT ON VIEW published.place_editions IS 'Places as the public may see them, as each vintage that is kept places them.';
COMMENT ON COLUMN published.place_editions.vintage_id IS 'Number of the vintage in this database.';

CREATE VIEW published.places AS
SELECT id, fid, kind, category, name, description, address, phone, website, opening_hours, stage, starts_on, ends_on,
       licence, source, source_name, verdict, method, commune_code, commune_name, department_code, region_code, epci_code, distance_m, vintage,
       commune_code_at_entry, version, created_on, modified_on, geom, geom_3857, quadkey
FROM published.place_editions
WHERE vintage_id = (SELECT a.id FROM geoplatform.vintage AS a WHERE a.state = 'active');
COMMENT ON VIEW published.places IS 'Places as the public may see them.';
COMMENT ON COLUMN published.places.id IS 'Identifier (UUID).';
COMMENT ON COLUMN published.places.fid IS 'Integer identity, for tiles and QGIS.';
COMMENT ON COLUMN published.places.kind IS 'merchant, service, association or project.';
COMMENT ON COLUMN published.places.category IS 'Category within the kind.';
COMMENT ON COLUMN published.places.name IS 'Name.';
COMMENT ON COLUMN published.places.description IS 'Description.';
COMMENT ON COLUMN published.places.address IS 'Postal address as entered.';
COMMENT ON COLUMN published.places.phone IS 'Public telephone number.';
COMMENT ON COLUMN published.places.website IS 'Address of its site.';
COMMENT ON COLUMN published.places.opening_hours IS 'Opening hours in OpenStreetMap''s syntax.';
COMMENT ON COLUMN published.places.stage IS 'How far a project has come: idea, planned, running, done or stopped.';
COMMENT ON COLUMN published.places.starts_on IS 'First day of a project.';
COMMENT ON COLUMN published.places.ends_on IS 'Last day of a project.';
COMMENT ON COLUMN published.places.licence IS 'SPDX identifier of the licence its contributor chose, or display-only.';
COMMENT ON COLUMN published.places.source IS 'citizen, register (public register data) or synthetic (demonstration).';
COMMENT ON COLUMN published.places.source_name IS 'Name of the register or generator.';
COMMENT ON COLUMN published.places.verdict IS 'Where the point lies: inside, border, gap, sea or abroad; not told of a place shown at commune level.';
COMMENT ON COLUMN published.places.method IS 'How that was found: cover, edge, nearest or none.';
COMMENT ON COLUMN published.places.commune_code IS 'INSEE code of the commune it lies in.';
COMMENT ON COLUMN published.places.commune_name IS 'Name of that commune.';
COMMENT ON COLUMN published.places.department_code IS 'INSEE code of the department it lies in.';
COMMENT ON COLUMN published.places.region_code IS 'INSEE code of the region it lies in.';
COMMENT ON COLUMN published.places.epci_code IS 'SIREN number of the EPCI it lies in.';
COMMENT ON COLUMN published.places.distance_m IS 'Metres to the nearest limit of a commune, where under 1 km.';
COMMENT ON COLUMN published.places.vintage IS 'Year of the vintage the verdict is of.';
COMMENT ON COLUMN published.places.commune_code_at_entry IS 'INSEE code of the commune it lay in when it was entered.';
COMMENT ON COLUMN published.places.version IS 'Version number, from 1.';
COMMENT ON COLUMN published.places.created_on IS 'Day it was entered (UTC).';
COMMENT ON COLUMN published.places.modified_on IS 'Day of its last modification (UTC).';
COMMENT ON COLUMN published.places.geom IS 'Position, WGS 84 longitude/latitude (EPSG:4326); none where it is shown at commune level only.';
COMMENT ON COLUMN published.places.geom_3857 IS 'Position in Web Mercator (EPSG:3857).';
COMMENT ON COLUMN published.places.quadkey IS 'Tile of zoom 31 it lies in, as a number: all that lies in a tile is one range.';

-- What bulk downloads may hold: not the places whose contributor allowed display only. The web asks this one, with conditions
-- that it compiled itself, and they reach the indexes.
CREATE VIEW published.place_items AS SELECT * FROM published.places WHERE licence <> 'display-only';  -- geoplatform.is_item
COMMENT ON VIEW published.place_items IS 'Places that a dump or bulk download may hold: licence display-only is left out.';

-- The same places with what is their own, without what it takes a join to know: to count them.
CREATE VIEW published.place_item_rows AS
SELECT p.id, p.fid, p.kind, p.category, p.name, p.description,
       CASE WHEN p.visibility = 'public' THEN p.address END AS address,
       p.phone, p.website, p.opening_hours, p.stage, p.starts_on, p.ends_on, p.licence, p.source, p.source_name, p.commune_code_at_entry, p.version,
       (p.created_at AT TIME ZONE 'UTC')::date AS created_on,
       (p.modified_at AT TIME ZONE 'UTC')::date AS modified_on,
       p.shown_geom AS geom, p.shown_quadkey AS quadkey
FROM geoplatform.place AS p
WHERE geoplatform.is_item(p.status, p.visibility, p.licence)
  AND EXISTS (SELECT FROM geoplatform.vintage AS v WHERE v.state = 'active');  -- none is placed before
COMMENT ON VIEW published.place_item_rows IS 'place_items without what other tables know of them.';

-- How many of these places have a quadkey in one of some ranges [first, beyond): counted in the index alone.
CREATE FUNCTION published.count_items(firsts bigint[], beyonds bigint[]) RETURNS bigint
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = geoplatform, pg_temp
AS $$
    SELECT coalesce(sum(here.places), 0)::bigint
    FROM unnest(firsts, beyonds) AS run (first, beyond)
    CROSS JOIN LATERAL (SELECT count(*) AS places FROM place AS p
                        WHERE p.shown_quadkey >= run.first AND p.shown_quadkey < run.beyond AND p.licence <> 'display-only') AS here
$$;

-- How many of them a box holds, its edges included: kept numbers of the cells inside it (place_cell of zoom `z`), and the tiles
-- of zoom 31 of those around; only positions in the very tiles of its edges are looked at.
--   cell_firsts, cell_beyonds  ranges of the cells inside;   inner_tiles  the tiles they fill: least and greatest column, then row
--   firsts, beyonds            ranges of all that is around; edge_tiles   the tiles in which the edges lie, likewise
-- Columns count from the west, rows from the north. Their bits keep their order in a key, so that no key is taken apart.
CREATE FUNCTION published.count_items_in_box(
    z integer, cell_firsts bigint[], cell_beyonds bigint[], inner_tiles bigint[],
    firsts bigint[], beyonds bigint[], edge_tiles bigint[], box geometry)
RETURNS bigint
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    of_columns CONSTANT bigint := 1537228672809129301;  -- every other bit of 62, the lowest first
    of_rows CONSTANT bigint := 3074457345618258602;
    last CONSTANT bigint := 2147483647;
    -- A tile more on both sides: arithmetic is not everywhere the same in its last bit.
    west CONSTANT bigint := interleaved(greatest(edge_tiles[1] - 1, 0), 0);
    west_inside CONSTANT bigint := interleaved(edge_tiles[1] + 1, 0);
    east CONSTANT bigint := interleaved(least(edge_tiles[2] + 1, last), 0);
    east_inside CONSTANT bigint := interleaved(greatest(edge_tiles[2] - 1, 0), 0);
    north CONSTANT bigint := interleaved(0, greatest(edge_tiles[3] - 1, 0));
    north_inside CONSTANT bigint := interleaved(0, edge_tiles[3] + 1);
    south CONSTANT bigint := interleaved(0, least(edge_tiles[4] + 1, last));
    south_inside CONSTANT bigint := interleaved(0, greatest(edge_tiles[4] - 1, 0));
    found bigint;
    at_edge bigint[];
BEGIN
    SELECT count(*) FILTER (WHERE here.is_inside), array_agg(here.fid) FILTER (WHERE NOT here.is_inside)
    INTO found, at_edge
    FROM unnest(firsts, beyonds) AS run (first, beyond)
    CROSS JOIN LATERAL (
        SELECT p.fid, p.shown_quadkey & of_columns > west_inside AND p.shown_quadkey & of_columns < east_inside
                      AND p.shown_quadkey & of_rows > north_inside AND p.shown_quadkey & of_rows < south_inside AS is_inside
        FROM place AS p
        WHERE p.shown_quadkey >= run.first AND p.shown_quadkey < run.beyond AND p.licence <> 'display-only'
          AND p.shown_quadkey & of_columns BETWEEN west AND east AND p.shown_quadkey & of_rows BETWEEN north AND south
        OFFSET 0  -- run by run
    ) AS here;
    IF at_edge IS NOT NULL THEN
        found := found + (SELECT count(*) FROM place AS p WHERE p.fid = ANY (at_edge) AND ST_Intersects(p.shown_geom, box));
    END IF;
    IF cardinality(cell_firsts) > 0 THEN
        found := found + (
            SELECT coalesce(sum(kept.items), 0)
            FROM unnest(cell_firsts, cell_beyonds) AS run (first, beyond)
            CROSS JOIN LATERAL (SELECT sum(c.items) AS items FROM place_cell AS c
                                WHERE c.zoom = z AND c.cell >= run.first AND c.cell < run.beyond) AS kept
        ) + (
            SELECT coalesce(sum(d.items), 0)
            FROM place_cell_delta AS d
            WHERE d.quadkey & of_columns BETWEEN interleaved(inner_tiles[1], 0) AND interleaved(inner_tiles[2], 0)
              AND d.quadkey & of_rows BETWEEN interleaved(0, inner_tiles[3]) AND interleaved(0, inner_tiles[4])
        );
    END IF;
    RETURN found;
END
$$;

-- The same behind a security barrier, for people who write their own queries: no function of theirs sees a row before it has
-- passed.
CREATE VIEW published.exportable_places WITH (security_barrier) AS SELECT * FROM published.place_items;
COMMENT ON VIEW published.exportable_places IS 'Places that a dump or bulk download may hold, for SQL of one''s own.';
CREATE VIEW published.exportable_place_editions WITH (security_barrier) AS
SELECT * FROM published.place_editions WHERE licence <> 'display-only';
COMMENT ON VIEW published.exportable_place_editions IS 'The same, as each vintage that is kept places them.';

-- The change log without people, up to the last number below which every transaction has ended. A row whose
-- transaction number lies ahead of this server's came with a restored backup, and is settled too.
CREATE VIEW published.changes AS
SELECT l.seq, l.operation, l.place_id, l.version, (l.occurred_at AT TIME ZONE 'UTC')::date AS occurred_on,
       l.commune_code_before, l.commune_code_after
FROM geoplatform.change AS l, pg_current_snapshot() AS s
WHERE (l.transaction_id < pg_snapshot_xmin(s) OR l.transaction_id >= pg_snapshot_xmax(s))
  AND l.is_told
  AND (l.operation = 'delete'  -- logged of what was public
       OR NOT EXISTS (SELECT FROM geoplatform.place AS p
                      WHERE p.id = l.place_id AND (p.status NOT IN ('published', 'deleted') OR p.visibility = 'private')));
COMMENT ON VIEW published.changes IS 'Creations, modifications and deletions of places, numbered, without their content.';
COMMENT ON COLUMN published.changes.seq IS 'Number of the change; grows, may skip.';
COMMENT ON COLUMN published.changes.operation IS 'create, modify or delete.';
COMMENT ON COLUMN published.changes.place_id IS 'Identifier of the place.';
COMMENT ON COLUMN published.changes.version IS 'Version of the place that the change made.';
COMMENT ON COLUMN published.changes.occurred_on IS 'Day of the change (UTC).';
COMMENT ON COLUMN published.changes.commune_code_before IS 'INSEE code of the commune before.';
COMMENT ON COLUMN published.changes.commune_code_after IS 'INSEE code of the commune after.';

-- Versions of the places that the public sees, those in force included. Where a place is shown at commune level only, or a version
-- was, its position and address stay out of it.
CREATE VIEW published.place_versions AS
SELECT v.place_id, v.version, v.kind, v.category, v.name, v.description,
       CASE WHEN p.visibility = 'public' AND v.visibility = 'public' THEN v.address END AS address,
       v.phone, v.website, v.opening_hours, v.stage, v.starts_on, v.ends_on, v.licence,
       CASE WHEN p.licence = 'display-only' THEN p.licence ELSE v.licence END <> 'display-only' AS is_item,
       v.commune_code, (v.valid_from AT TIME ZONE 'UTC')::date AS from_on, (v.valid_to AT TIME ZONE 'UTC')::date AS until_on,
       (CASE WHEN p.visibility = 'public' AND v.visibility = 'public' THEN v.geom END)::geometry(Point, 4326) AS geom
FROM geoplatform.place_version AS v JOIN geoplatform.place AS p ON p.id = v.place_id
WHERE geoplatform.is_public(p.status, p.visibility) AND geoplatform.is_public(v.status, v.visibility) AND NOT v.is_redacted AND NOT v.is_foreign
UNION ALL
SELECT p.id, p.version, p.kind, p.category, p.name, p.description, p.address, p.phone, p.website, p.opening_hours,
       p.stage, p.starts_on, p.ends_on, p.licence, p.licence <> 'display-only', p.commune_code, p.modified_on, NULL, p.geom::geometry(Point, 4326)
FROM published.places AS p;
COMMENT ON VIEW published.place_versions IS 'Versions of places as the public may see them, without who made them.';
COMMENT ON COLUMN published.place_versions.place_id IS 'Identifier of the place.';
COMMENT ON COLUMN published.place_versions.is_item IS 'Whether a list or download may hold it.';
COMMENT ON COLUMN published.place_versions.commune_code IS 'INSEE code of the commune it lay in.';
COMMENT ON COLUMN published.place_versions.from_on IS 'Day on which this version came into force (UTC).';
COMMENT ON COLUMN published.place_versions.until_on IS 'Day on which another one did; none for the version in force.';

CREATE VIEW published.place_confirmations AS
SELECT c.place_id, c.confirmed_on FROM geoplatform.confirmation AS c
WHERE EXISTS (SELECT FROM geoplatform.place AS p WHERE p.id = c.place_id AND geoplatform.is_public(p.status, p.visibility));
COMMENT ON VIEW published.place_confirmations IS 'When somebody last said that what is written of a place holds.';
COMMENT ON COLUMN published.place_confirmations.place_id IS 'Identifier of the place.';
COMMENT ON COLUMN published.place_confirmations.confirmed_on IS 'Day on which it was said (UTC).';

DO $$
DECLARE
    shown record;
BEGIN
    -- The other views of places and communes document their columns as these do.
    FOR shown IN
        SELECT pair.twin, a.attname, col_description(a.attrelid, a.attnum) AS words  -- where a twin has none of its own
        FROM (VALUES ('published.place_editions', 'published.exportable_place_editions'),
                     ('published.places', 'published.place_editions'),
                     ('published.places', 'published.place_items'), ('published.places', 'published.place_item_rows'),
                     ('published.places', 'published.exportable_places'), ('published.places', 'published.place_versions'),
                     ('published.places', 'published.exportable_place_editions'),
                     ('published.communes', 'published.commune_editions')) AS pair (original, twin)
        JOIN pg_attribute AS a ON a.attrelid = pair.original::regclass AND a.attnum > 0
        JOIN pg_attribute AS b ON b.attrelid = pair.twin::regclass AND b.attname = a.attname
             AND col_description(b.attrelid, b.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', shown.twin, shown.attname, shown.words);
    END LOOP;
END
$$;

RESET ROLE;
