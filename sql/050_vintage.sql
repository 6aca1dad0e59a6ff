-- A vintage ("millésime") is one dated set of official boundaries: staged, then active, then retired.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.vintage (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    year smallint NOT NULL CHECK (year BETWEEN 1943 AND 2200),
    title text NOT NULL,
    state text NOT NULL DEFAULT 'staged' CHECK (state IN ('staged', 'active', 'retired')),
    publisher text NOT NULL,
    attribution text NOT NULL,
    licence text NOT NULL,
    edition text NOT NULL,
    source_file text NOT NULL,
    source_sha256 text NOT NULL CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    precision_m real NOT NULL CHECK (precision_m >= 0),
    report jsonb NOT NULL,
    staged_at timestamptz NOT NULL,
    activated_at timestamptz,
    retired_at timestamptz,
    -- Deferred, so that ONE update can retire the old vintage and activate the new one.
    CONSTRAINT vintage_one_active EXCLUDE USING btree (state WITH =) WHERE (state = 'active')
        DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE geoplatform.vintage IS 'A dated set of official commune boundaries with where it comes from and how good it is.';
COMMENT ON COLUMN geoplatform.vintage.year IS 'Year of the Code officiel géographique whose communes it lists.';
COMMENT ON COLUMN geoplatform.vintage.edition IS 'What the publisher calls it, and how old its geometry is where that differs.';
COMMENT ON COLUMN geoplatform.vintage.precision_m IS '95 % of its limits lie within so many metres of the official ones.';
COMMENT ON COLUMN geoplatform.vintage.report IS 'What the loader counted and what its gates said.';

-- Where the union of the communes has a hole that is wider than the precision: a point there is in
-- France, in a commune that this vintage cannot name. Used by geoplatform.place_point.
CREATE TABLE geoplatform.vintage_gap (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    ordinal integer NOT NULL,
    area_km2 double precision NOT NULL,
    geom geometry(Polygon, 4326) NOT NULL,
    PRIMARY KEY (vintage_id, ordinal)
);
COMMENT ON TABLE geoplatform.vintage_gap IS 'Holes of a vintage that are wider than twice its precision (EPSG:4326).';
CREATE INDEX vintage_gap_geom ON geoplatform.vintage_gap USING gist (geom);

-- Land of the whole world by country, coarse: tells "abroad" from "sea" where no commune lies.
CREATE TABLE geoplatform.land (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    country text NOT NULL,
    is_france boolean NOT NULL,
    geom geometry(Polygon, 4326) NOT NULL
);
COMMENT ON TABLE geoplatform.land IS 'Land by country, Natural Earth, cut into small pieces (EPSG:4326).';
CREATE INDEX land_geom ON geoplatform.land USING gist (geom);

RESET ROLE;
