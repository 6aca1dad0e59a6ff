-- Releases: what was published as files, with the checksum of each. The files lie beside the database; nothing counts as
-- published before it stands here, and all the datasets of a release come to stand here in one transaction.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.release (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text NOT NULL CHECK (dataset ~ '^[a-z]+(-(region|department|epci|commune)-[0-9AB]{2,9})?$'),
    name text NOT NULL CHECK (name ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}(-[0-9]{1,4})?$'),
    collection text NOT NULL CHECK (collection IN ('places', 'communes', 'departments', 'regions', 'epci')),
    scope text CHECK (scope IN ('region', 'department', 'epci', 'commune')),
    scope_code text COLLATE "C",
    scope_name text,
    vintage smallint NOT NULL,
    change_seq bigint NOT NULL CHECK (change_seq >= 0),
    program_version text NOT NULL,
    cut_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'current' CHECK (state IN ('current', 'earlier', 'withdrawn')),
    UNIQUE (dataset, name),
    CHECK ((scope IS NULL) = (scope_code IS NULL) AND (scope IS NULL) = (scope_name IS NULL))
);
COMMENT ON TABLE geoplatform.release IS 'Each dataset of each release that was published as files.';
CREATE UNIQUE INDEX release_current ON geoplatform.release (dataset) WHERE state = 'current';

CREATE TABLE geoplatform.release_file (
    release_id integer NOT NULL REFERENCES geoplatform.release,
    ordinal smallint NOT NULL,
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    format text NOT NULL,
    media_type text NOT NULL,
    licence text,
    rows bigint CHECK (rows >= 0),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (release_id, name)
);
COMMENT ON TABLE geoplatform.release_file IS 'The files of a dataset of a release, papers included.';

CREATE VIEW published.releases AS
SELECT r.id, r.dataset, r.name, r.collection, r.scope, r.scope_code, r.scope_name, r.vintage, r.change_seq, r.program_version,
       r.cut_at, r.published_at, r.state
FROM geoplatform.release AS r
WHERE r.state <> 'withdrawn';
COMMENT ON VIEW published.releases IS 'Releases of datasets as files: one row per dataset and release.';
COMMENT ON COLUMN published.releases.id IS 'Number of the dataset of the release in this database.';
COMMENT ON COLUMN published.releases.dataset IS 'What it holds: a collection, of France or of one scope (places-commune-97414).';
COMMENT ON COLUMN published.releases.name IS 'Day it was cut, numbered where that day had several.';
COMMENT ON COLUMN published.releases.collection IS 'places, communes, departments, regions or epci.';
COMMENT ON COLUMN published.releases.scope IS 'region, department, epci or commune; none for France.';
COMMENT ON COLUMN published.releases.scope_code IS 'Code of the scope.';
COMMENT ON COLUMN published.releases.scope_name IS 'Name of the scope.';
COMMENT ON COLUMN published.releases.vintage IS 'Year of the boundaries it was cut with.';
COMMENT ON COLUMN published.releases.change_seq IS 'Number of the last change that it holds.';
COMMENT ON COLUMN published.releases.program_version IS 'Version of the program that wrote it.';
COMMENT ON COLUMN published.releases.cut_at IS 'The moment its content was true.';
COMMENT ON COLUMN published.releases.published_at IS 'Since when it may be downloaded.';
COMMENT ON COLUMN published.releases.state IS 'current: the latest of its dataset; earlier: one before.';

CREATE VIEW published.release_files AS
SELECT f.release_id, f.ordinal, f.name, f.format, f.media_type, f.licence, f.rows, f.bytes, f.sha256
FROM geoplatform.release_file AS f JOIN geoplatform.release AS r ON r.id = f.release_id AND r.state <> 'withdrawn';
COMMENT ON VIEW published.release_files IS 'Files of the releases, papers included.';
COMMENT ON COLUMN published.release_files.release_id IS 'The dataset of a release that it belongs to (releases.id).';
COMMENT ON COLUMN published.release_files.ordinal IS 'Its place in the list.';
COMMENT ON COLUMN published.release_files.name IS 'Name of the file.';
COMMENT ON COLUMN published.release_files.format IS 'Name of the format, as `geoplatform publish --format` takes it; paper: what explains the others.';
COMMENT ON COLUMN published.release_files.media_type IS 'Media type it is served as.';
COMMENT ON COLUMN published.release_files.licence IS 'SPDX identifier of the licence of all that is in it.';
COMMENT ON COLUMN published.release_files.rows IS 'Number of features in it.';
COMMENT ON COLUMN published.release_files.bytes IS 'Size in bytes.';
COMMENT ON COLUMN published.release_files.sha256 IS 'SHA-256 of its bytes, hex.';

-- One dataset of a release with its files, as register_release is told it; its number.
CREATE FUNCTION geoplatform.insert_release(told jsonb, state text, at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    number integer;
BEGIN
    INSERT INTO release (dataset, name, collection, scope, scope_code, scope_name, vintage, change_seq, program_version,
                         cut_at, published_at, state)
    SELECT r.dataset, r.name, r.collection, r.scope, r.scope_code, r.scope_name, r.vintage, r.change_seq, r.program_version,
           r.cut_at, at, insert_release.state
    FROM jsonb_populate_record(NULL::release, told) AS r
    RETURNING id INTO number;
    INSERT INTO release_file (release_id, ordinal, name, format, media_type, licence, rows, bytes, sha256)
    SELECT number, file.ordinal, f.name, f.format, f.media_type, f.licence, f.rows, f.bytes, f.sha256
    FROM jsonb_array_elements(told -> 'files') WITH ORDINALITY AS file (told, ordinal),
         LATERAL jsonb_populate_record(NULL::release_file, file.told) AS f;
    RETURN number;
END
$$;

-- Makes the datasets of a release current, all or none; those that were current become earlier ones.
-- told: [{dataset, name, collection, scope, scope_code, scope_name, vintage, change_seq, program_version, cut_at,
--         files: [{name, format, media_type, licence, rows, bytes, sha256}]}]
-- Raises 23505 if a dataset already has a release of this name.
CREATE FUNCTION published.register_release(told jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    one jsonb;
BEGIN
    FOR one IN SELECT value FROM jsonb_array_elements(told) LOOP
        UPDATE release AS r SET state = 'earlier' WHERE r.dataset = one ->> 'dataset' AND r.state = 'current';
        PERFORM insert_release(one, 'current', at);
    END LOOP;
END
$$;

-- Takes earlier releases back: their files are no longer told of nor served, and are to be deleted. A current one stays.
-- told: [{dataset, name}]
CREATE FUNCTION published.withdraw_releases(told jsonb) RETURNS void
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    UPDATE release AS r SET state = 'withdrawn'
    FROM jsonb_to_recordset(told) AS one (dataset text, name text)
    WHERE r.dataset = one.dataset AND r.name = one.name AND r.state = 'earlier'
$$;

-- Releases that were taken back.
CREATE FUNCTION published.withdrawn_releases() RETURNS TABLE (dataset text, name text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$ SELECT r.dataset, r.name FROM release AS r WHERE r.state = 'withdrawn' $$;

-- Where the middle of the places lies on the Hilbert curve, about: a cut of all of them is read from both sides of it at once.
-- NULL where there are few. Only where rows are parted depends on it, never which rows there are nor their order.
CREATE FUNCTION published.middle_of_places() RETURNS geometry
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY p.shown_geom)
    FROM place AS p TABLESAMPLE SYSTEM (1)
    WHERE is_item(p.status, p.visibility, p.licence)
      AND (SELECT c.reltuples >= 100000 FROM pg_class AS c WHERE c.oid = 'geoplatform.place'::regclass)
$$;

RESET ROLE;
