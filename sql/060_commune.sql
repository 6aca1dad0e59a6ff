-- Communes and the territorial units above them, each row of one vintage. The communes of a vintage are a partition of
-- their own: loaded without indexes, indexed at once, attached, and gone at once when the vintage is dropped.
SET ROLE geoplatform_owner;

-- Both are single expressions and not STRICT, so that PostgreSQL writes them into what calls them.

-- Key under which a name is searched: no accents, no case, no hyphens or apostrophes, no leading article,
-- "st"/"ste" spelled out. NULL gives NULL. Example: search_key('L''Étang-Salé') = 'etang sale'.
CREATE FUNCTION geoplatform.search_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT regexp_replace(
        regexp_replace(
            regexp_replace(
                btrim(regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, name)), '[^a-z0-9]+', ' ', 'g')),
                '\mst\M', 'saint', 'g'),
            '\mste\M', 'sainte', 'g'),
        '^(le|la|les|l|aux|las|los) (?=.)', '')
$$;

-- Integer identity of an INSEE code, for tiles and QGIS: the digits, Corsica moved out of the way
-- (2A004 → 120004, 2B033 → 220033). Stable over vintages. NULL gives NULL.
CREATE FUNCTION geoplatform.insee_fid(code text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT translate(code, 'AB', '00')::bigint
         + CASE substr(code, 2, 1) WHEN 'A' THEN 100000 WHEN 'B' THEN 200000 ELSE 0 END
$$;

CREATE TABLE geoplatform.region (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^[0-9]{2,3}$'),
    name text NOT NULL,
    geom geometry(MultiPolygon, 4326),
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.region IS 'A region of one vintage, dissolved from its communes (EPSG:4326).';

CREATE TABLE geoplatform.department (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^([0-9]{2,3}|2[AB])$'),
    name text NOT NULL,
    region_code text COLLATE "C",
    geom geometry(MultiPolygon, 4326),
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.department IS 'A department of one vintage, dissolved from its communes (EPSG:4326).';

CREATE TABLE geoplatform.epci (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^[0-9]{9}$'),
    name text NOT NULL,
    kind text,
    geom geometry(MultiPolygon, 4326),
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.epci IS 'An intercommunalité (EPCI à fiscalité propre) of one vintage, dissolved from its communes (EPSG:4326).';

CREATE TABLE geoplatform.commune (
    vintage_id integer NOT NULL,  -- a vintage: open_partition sees to it
    code text COLLATE "C" NOT NULL CHECK (code ~ '^([0-9]{2}|2[AB])[0-9]{3}$'),
    name text NOT NULL CHECK (name <> ''),
    territory_code text COLLATE "C" NOT NULL REFERENCES geoplatform.territory,
    department_code text COLLATE "C",
    region_code text COLLATE "C",
    epci_code text COLLATE "C",
    postal_codes text[] NOT NULL DEFAULT '{}',
    population integer CHECK (population >= 0),
    geometry_source text NOT NULL CHECK (geometry_source IN ('source', 'repaired', 'composed', 'missing')),
    area_km2 double precision CHECK (area_km2 > 0),
    geom geometry(MultiPolygon, 4326),
    PRIMARY KEY (vintage_id, code),
    CONSTRAINT commune_geometry_is_told CHECK ((geom IS NULL) = (geometry_source = 'missing'))
) PARTITION BY LIST (vintage_id);
COMMENT ON TABLE geoplatform.commune IS 'A commune of one vintage (EPSG:4326).';
COMMENT ON COLUMN geoplatform.commune.geometry_source IS
    'source: as published; repaired: made valid by us; composed: union of its delegated communes; missing: the source has none.';

-- No subdivided copy: with 31 vertices a commune it gains nothing (docs/adr/0004-placement.md has the figures).
CREATE INDEX commune_geom ON geoplatform.commune USING gist (geom);  -- place_point, bulk placement

-- What a vintage holds of each territory: a territory it lacks has no row.
CREATE TABLE geoplatform.territory_edition (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL REFERENCES geoplatform.territory,
    communes integer NOT NULL CHECK (communes > 0),
    communes_without_geometry integer NOT NULL CHECK (communes_without_geometry >= 0),
    area_km2 double precision,
    geom geometry(MultiPolygon, 4326),
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.territory_edition IS 'A territory in one vintage, dissolved from its communes (EPSG:4326).';
COMMENT ON COLUMN geoplatform.territory_edition.area_km2 IS 'Area in square kilometres in the legal CRS of the territory.';

-- Names under which a commune is found. Made when a vintage is prepared, not when it is loaded.
CREATE TABLE geoplatform.commune_name (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL,
    search_key text NOT NULL,
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.commune_name IS 'The name of each commune as it is searched.';
CREATE INDEX commune_name_search ON geoplatform.commune_name USING gin (search_key public.gin_trgm_ops);  -- search by name

-- What maps show at which zoom: the policy, in one place (docs/adr/0009-tiles.md). A span begins at from_zoom and ends where
-- the next begins. tolerance_m, in metres of EPSG:3857: a pixel of a 512-pixel tile at the highest zoom that shares this copy of
-- the limits (what encloses less than its square goes), two where a tile of communes would weigh too much; 0 keeps every vertex. A vintage that is coarser than a tolerance has no copy of its own for it. Vertices
-- of a copy, but for the finest, lie on the grid of the tiles of its deepest zoom (4096 to a side): there they need no rounding.
CREATE TABLE geoplatform.zoom_span (
    from_zoom smallint PRIMARY KEY CHECK (from_zoom BETWEEN 0 AND 24),
    tolerance_m double precision NOT NULL CHECK (tolerance_m >= 0),
    communes text NOT NULL CHECK (communes IN ('none', 'codes', 'names')),
    cell_bits smallint NOT NULL CHECK (cell_bits BETWEEN 1 AND 6),
    places text NOT NULL CHECK (places IN ('kept', 'grouped', 'single')),
    finished text[] NOT NULL CHECK (finished <@ ARRAY['communes', 'departments'])
);
COMMENT ON TABLE geoplatform.zoom_span IS 'What tiles show at which zoom.';
COMMENT ON COLUMN geoplatform.zoom_span.tolerance_m IS 'How far the drawn limits may leave the true ones, metres of EPSG:3857.';
COMMENT ON COLUMN geoplatform.zoom_span.communes IS
    'none: smaller than a pixel, departments only; codes: with no other property; names: with name, department, population.';
COMMENT ON COLUMN geoplatform.zoom_span.cell_bits IS 'Places are grouped in 2^bits by 2^bits cells to a tile.';
COMMENT ON COLUMN geoplatform.zoom_span.places IS
    'kept: groups are kept up to date by each write; grouped: made when asked; single: one by one, grouped only where a tile holds too many.';
COMMENT ON COLUMN geoplatform.zoom_span.finished IS
    'Layers of limits whose tiles the loader finishes (geoplatform.finished_tile): those that take more than some 3 ms to make.';
INSERT INTO geoplatform.zoom_span (from_zoom, tolerance_m, communes, cell_bits, places, finished) VALUES
    (0, 4892, 'none', 3, 'kept', '{departments}'),
    (5, 2446, 'none', 3, 'kept', '{departments}'),
    (6, 2446, 'codes', 3, 'kept', '{communes}'),
    (7, 611, 'names', 3, 'kept', '{communes}'),
    (8, 306, 'names', 3, 'kept', '{communes}'),
    (9, 153, 'names', 3, 'kept', '{communes}'),
    (10, 76, 'names', 3, 'kept', '{}'),
    (11, 0, 'names', 3, 'kept', '{}'),
    (12, 0, 'names', 3, 'grouped', '{}'),
    (14, 0, 'names', 5, 'single', '{}');

-- The same, zoom by zoom. level: zoom of the tiles that are the cells.
CREATE VIEW geoplatform.zoom_policy AS
SELECT z.zoom, s.tolerance_m, s.communes, s.places, z.zoom + s.cell_bits AS level, s.finished
FROM generate_series(0, 24) AS z (zoom)
JOIN LATERAL (SELECT * FROM geoplatform.zoom_span AS s WHERE s.from_zoom <= z.zoom ORDER BY s.from_zoom DESC LIMIT 1) AS s ON true;
COMMENT ON VIEW geoplatform.zoom_policy IS 'What tiles show at each zoom.';

-- Copies for maps, one for each span of zooms, simplified together so that neighbours never gap (loaders.drawing).
CREATE TABLE geoplatform.drawing (
    vintage_id integer NOT NULL,  -- a vintage: open_partition sees to it
    level text NOT NULL CHECK (level IN ('commune', 'department', 'region', 'epci', 'territory')),
    from_zoom smallint NOT NULL CHECK (from_zoom BETWEEN 0 AND 24),
    code text COLLATE "C" NOT NULL,
    name text,
    department_code text COLLATE "C",
    population integer,
    geom geometry(MultiPolygon, 3857) NOT NULL,
    PRIMARY KEY (vintage_id, level, from_zoom, code)
) PARTITION BY LIST (vintage_id);
COMMENT ON TABLE geoplatform.drawing IS 'Generalised limits for maps (EPSG:3857).';
COMMENT ON COLUMN geoplatform.drawing.name IS 'What a tile tells of a commune beside its code, so that it need not look it up: a third of its time.';
COMMENT ON COLUMN geoplatform.drawing.from_zoom IS 'Lowest zoom it is drawn at; the next higher from_zoom takes over.';
CREATE INDEX drawing_geom ON geoplatform.drawing USING gist (level, from_zoom, geom);  -- tiles

-- Tiles of limits that do not change as long as the vintage does not, and take long to make: finished when it is loaded.
CREATE TABLE geoplatform.finished_tile (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    layer text NOT NULL CHECK (layer IN ('communes', 'departments')),
    z smallint NOT NULL,
    x integer NOT NULL,
    y integer NOT NULL,
    packed bytea NOT NULL,
    PRIMARY KEY (vintage_id, layer, z, x, y)
);
ALTER TABLE geoplatform.finished_tile ALTER packed SET STORAGE EXTERNAL;  -- there is nothing left to compress
COMMENT ON TABLE geoplatform.finished_tile IS 'Layers of vector tiles as geoplatform.limits_mvt makes them, gzipped; which ones says zoom_span.finished.';

RESET ROLE;
