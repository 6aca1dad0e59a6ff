-- A vintage ("millésime") is one dated set of official boundaries: staged, then active, then retired.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.vintage (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    year smallint NOT NULL CHECK (year BETWEEN 1943 AND 2200),
    effective_on date NOT NULL,
    title text NOT NULL,
    state text NOT NULL DEFAULT 'staged' CHECK (state IN ('staged', 'active', 'retired')),
    publisher text NOT NULL,
    attribution text NOT NULL,
    licence text NOT NULL,
    edition text NOT NULL,
    source_file text NOT NULL,
    source_sha256 text NOT NULL CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    precision_m real NOT NULL CHECK (precision_m >= 0),
    report jsonb NOT NULL DEFAULT '{}',
    drawn_zooms smallint[] NOT NULL DEFAULT '{}',
    reattribution jsonb,
    is_placed boolean NOT NULL DEFAULT false,
    staged_at timestamptz NOT NULL,
    activated_at timestamptz,
    retired_at timestamptz,
    -- Deferred, so that ONE update can retire the old vintage and activate the new one.
    CONSTRAINT vintage_one_active EXCLUDE USING btree (state WITH =) WHERE (state = 'active')
        DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE geoplatform.vintage IS 'A dated set of official commune boundaries with where it comes from and how good it is.';
COMMENT ON COLUMN geoplatform.vintage.year IS 'Year of the Code officiel géographique whose communes it lists.';
COMMENT ON COLUMN geoplatform.vintage.effective_on IS 'From which day on these communes were in force: 1 January, but for editions of another day.';
COMMENT ON COLUMN geoplatform.vintage.edition IS 'What the publisher calls it, and how old its geometry is where that differs.';
COMMENT ON COLUMN geoplatform.vintage.precision_m IS '95 % of its limits lie within so many metres of the official ones.';
COMMENT ON COLUMN geoplatform.vintage.report IS 'What the loader counted and what its gates said.';
COMMENT ON COLUMN geoplatform.vintage.drawn_zooms IS 'Zooms from which on each of its generalised copies is drawn (geoplatform.drawing.from_zoom).';
COMMENT ON COLUMN geoplatform.vintage.reattribution IS 'What became of the places that an earlier vintage held, when this one was placed.';
COMMENT ON COLUMN geoplatform.vintage.is_placed IS 'Every place has its verdict here, and submissions keep it so.';

-- What the gates found, with its place on the map. A gap is a hole in the union of the communes that is wider than twice
-- the precision: a point there is in France, in a commune that this vintage cannot name (geoplatform.place_point).
CREATE TABLE geoplatform.vintage_finding (
    vintage_id integer NOT NULL REFERENCES geoplatform.vintage ON DELETE CASCADE,
    ordinal integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('gap', 'overlap', 'repaired', 'edge')),
    codes text[] COLLATE "C" NOT NULL DEFAULT '{}',
    area_km2 double precision,
    detail text,
    geom geometry(Geometry, 4326) NOT NULL,
    PRIMARY KEY (vintage_id, ordinal)
);
COMMENT ON TABLE geoplatform.vintage_finding IS 'Gaps, overlaps, mismatched edges and repaired polygons of a vintage (EPSG:4326).';
CREATE INDEX vintage_finding_gap ON geoplatform.vintage_finding USING gist (geom) WHERE kind = 'gap';  -- place_point

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
