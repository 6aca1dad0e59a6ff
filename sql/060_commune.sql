-- Communes and the territorial units above them, each row of one vintage.
SET ROLE geoplatform_owner;

-- Key under which a name is searched: no accents, no case, no hyphens or apostrophes, no leading article,
-- "st"/"ste" spelled out. NULL gives NULL. Example: search_key('L''Étang-Salé') = 'etang sale'.
CREATE FUNCTION geoplatform.search_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
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
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT translate(code, 'AB', '00')::bigint
         + CASE substr(code, 2, 1) WHEN 'A' THEN 100000 WHEN 'B' THEN 200000 ELSE 0 END
$$;

CREATE TABLE geoplatform.region (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^[0-9]{2,3}$'),
    name text NOT NULL,
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.region IS 'A region of one vintage.';

CREATE TABLE geoplatform.department (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^([0-9]{2,3}|2[AB])$'),
    name text NOT NULL,
    region_code text COLLATE "C",
    geom geometry(MultiPolygon, 4326),
    geom_3857 geometry(MultiPolygon, 3857) GENERATED ALWAYS AS (public.ST_Transform(geom, 3857)) STORED,
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.department IS 'A department of one vintage (EPSG:4326).';
CREATE INDEX department_geom_3857 ON geoplatform.department USING gist (geom_3857);  -- tiles

CREATE TABLE geoplatform.epci (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^[0-9]{9}$'),
    name text NOT NULL,
    kind text,
    PRIMARY KEY (vintage_id, code)
);
COMMENT ON TABLE geoplatform.epci IS 'An intercommunalité (EPCI à fiscalité propre) of one vintage.';

CREATE TABLE geoplatform.commune (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    code text COLLATE "C" NOT NULL CHECK (code ~ '^([0-9]{2}|2[AB])[0-9]{3}$'),
    name text NOT NULL,
    territory_code text COLLATE "C" NOT NULL REFERENCES geoplatform.territory,
    department_code text COLLATE "C",
    region_code text COLLATE "C",
    epci_code text COLLATE "C",
    postal_codes text[] NOT NULL DEFAULT '{}',
    population integer CHECK (population >= 0),
    geometry_source text NOT NULL CHECK (geometry_source IN ('source', 'repaired', 'composed', 'missing')),
    area_km2 double precision CHECK (area_km2 > 0),
    geom geometry(MultiPolygon, 4326),
    geom_3857 geometry(MultiPolygon, 3857) GENERATED ALWAYS AS (public.ST_Transform(geom, 3857)) STORED,
    fid bigint NOT NULL GENERATED ALWAYS AS (geoplatform.insee_fid(code)) STORED,
    search_key text NOT NULL GENERATED ALWAYS AS (geoplatform.search_key(name)) STORED,
    PRIMARY KEY (vintage_id, code),
    CONSTRAINT commune_geometry_is_told CHECK ((geom IS NULL) = (geometry_source = 'missing'))
);
COMMENT ON TABLE geoplatform.commune IS 'A commune of one vintage (EPSG:4326).';
COMMENT ON COLUMN geoplatform.commune.geometry_source IS
    'source: as published; repaired: made valid by us; composed: union of its delegated communes; missing: the source has none.';

-- No subdivided copy: with 31 vertices a commune it gains nothing (docs/adr/0004-placement.md has the figures).
CREATE INDEX commune_geom ON geoplatform.commune USING gist (vintage_id, geom);            -- place_point, bulk placement
CREATE INDEX commune_geom_3857 ON geoplatform.commune USING gist (vintage_id, geom_3857);  -- tiles
CREATE INDEX commune_search_key ON geoplatform.commune USING gin (search_key public.gin_trgm_ops);  -- search by name
CREATE INDEX commune_postal_codes ON geoplatform.commune USING gin (postal_codes);         -- search by postal code

RESET ROLE;
