-- What places were before: every version that was replaced, kept by a trigger so that no way of writing can forget it. Without people:
-- who made a version, people.author tells.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.place_version (
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    version integer NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz NOT NULL,
    kind text NOT NULL,
    category text COLLATE "C",
    name text NOT NULL,
    description text,
    address text,
    phone text,
    website text,
    opening_hours text,
    stage text,
    starts_on date,
    ends_on date,
    licence text NOT NULL,
    visibility text NOT NULL,
    status text NOT NULL,
    commune_code text COLLATE "C",
    is_redacted boolean NOT NULL DEFAULT false,
    is_foreign boolean NOT NULL DEFAULT false,
    geom geometry(Point, 4326) NOT NULL,
    PRIMARY KEY (place_id, version)
);
COMMENT ON TABLE geoplatform.place_version IS 'Versions of places that were replaced, in force from valid_from until valid_to.';
COMMENT ON COLUMN geoplatform.place_version.is_foreign IS 'It came with an archive: nobody here can tell whether it was ever so, and it is its keeper''s alone.';
COMMENT ON COLUMN geoplatform.place_version.is_redacted IS 'A referent found in it what nobody should read.';
CREATE INDEX place_version_commune ON geoplatform.place_version (commune_code, valid_from);  -- places of a commune on a day

CREATE FUNCTION geoplatform.keep_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    INSERT INTO place_version (place_id, version, valid_from, valid_to, kind, category, name, description, address, phone, website,
                               opening_hours, stage, starts_on, ends_on, licence, visibility, status, commune_code, geom)
    SELECT OLD.id, OLD.version, OLD.modified_at, NEW.modified_at, OLD.kind, OLD.category, OLD.name, OLD.description, OLD.address,
           OLD.phone, OLD.website, OLD.opening_hours, OLD.stage, OLD.starts_on, OLD.ends_on, OLD.licence, OLD.visibility, OLD.status,
           (SELECT l.commune_code FROM placement AS l WHERE l.place_id = OLD.id
            AND l.vintage_id = (SELECT v.id FROM vintage AS v WHERE v.state = 'active')), OLD.geom;
    RETURN NULL;
END
$$;
CREATE TRIGGER place_version_kept AFTER UPDATE ON geoplatform.place
    FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version) EXECUTE FUNCTION geoplatform.keep_version();

RESET ROLE;
