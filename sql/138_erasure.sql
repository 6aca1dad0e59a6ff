-- Erasure: contributions that were taken back leave the releases that held them. Such a release is withdrawn; what remains of it
-- is published anew under a name of its own. Told is an identifier, a licence and a day, and nothing of the content: of releases of
-- a part of France not even which, since their name says where the place was.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.erasure (
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    place_id uuid NOT NULL,
    licence text NOT NULL,
    reason text NOT NULL CHECK (reason IN ('withdrawn', 'position')),
    release_id integer NOT NULL REFERENCES geoplatform.release,
    replaced_by integer REFERENCES geoplatform.release,
    erased_on date NOT NULL,
    PRIMARY KEY (place_id, licence, release_id)
);
COMMENT ON TABLE geoplatform.erasure IS 'Which contribution left which release, and what stands there instead.';
COMMENT ON COLUMN geoplatform.erasure.reason IS
    'withdrawn: no longer published under this licence; position: it is shown at commune level now.';
CREATE INDEX erasure_release ON geoplatform.erasure (release_id);

CREATE VIEW published.erasures AS
SELECT e.seq, e.place_id, e.licence, e.reason, e.erased_on, CASE WHEN r.scope IS NULL THEN r.dataset END AS dataset,
       CASE WHEN r.scope IS NULL THEN r.name END AS release, CASE WHEN r.scope IS NULL THEN n.name END AS replaced_by
FROM geoplatform.erasure AS e
JOIN geoplatform.release AS r ON r.id = e.release_id
LEFT JOIN geoplatform.release AS n ON n.id = e.replaced_by;
COMMENT ON VIEW published.erasures IS 'Contributions that left releases: whoever keeps copies drops them too.';
COMMENT ON COLUMN published.erasures.seq IS 'Number, in the order in which releases were withdrawn.';
COMMENT ON COLUMN published.erasures.place_id IS 'Identifier of the place.';
COMMENT ON COLUMN published.erasures.licence IS 'SPDX identifier of the licence in whose files it was.';
COMMENT ON COLUMN published.erasures.reason IS
    'withdrawn: no longer published under this licence; position: it is shown at commune level now.';
COMMENT ON COLUMN published.erasures.erased_on IS 'Day on which the release was withdrawn (UTC).';
COMMENT ON COLUMN published.erasures.dataset IS 'Dataset of the release that held it; not told where it is a part of France.';
COMMENT ON COLUMN published.erasures.release IS 'Name of the release that held it.';
COMMENT ON COLUMN published.erasures.replaced_by IS 'Name of the release that stands there instead; none where it was only withdrawn.';

-- Withdraws a release that holds what was taken back, and publishes in its place what remains of it.
-- told: as register_release takes one dataset, or NULL; gone: [{place_id, licence, reason}]. Does nothing if it is withdrawn already.
CREATE FUNCTION published.replace_release(of_dataset text, of_name text, told jsonb, gone jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    old record;
    new_id integer;
BEGIN
    LOCK TABLE erasure IN SHARE ROW EXCLUSIVE MODE;  -- numbers come to be seen in their order: whoever follows misses none
    SELECT r.id, r.state INTO old FROM release AS r
    WHERE r.dataset = of_dataset AND r.name = of_name AND r.state <> 'withdrawn' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE release AS r SET state = 'withdrawn' WHERE r.id = old.id;
    IF told IS NOT NULL THEN
        new_id := insert_release(told, old.state, at);
    END IF;
    INSERT INTO erasure (place_id, licence, reason, release_id, replaced_by, erased_on)
    SELECT g.place_id, g.licence, g.reason, old.id, new_id, (at AT TIME ZONE 'UTC')::date
    FROM jsonb_to_recordset(gone) AS g (place_id uuid, licence text, reason text)
    ORDER BY g.place_id, g.licence;
    -- What pointed to a release that is now replaced itself points to what stands there last.
    UPDATE erasure AS e SET replaced_by = new_id WHERE e.replaced_by = old.id;
END
$$;

-- The files of France that held a place and what stands there instead, with the checksums of both; then, without any of these, a row
-- for each release of a part of France that held it.
CREATE FUNCTION published.erased_files(of_place uuid)
RETURNS TABLE (dataset text, release text, erased_on date, reason text, name text, licence text, sha256 text,
               replaced_by text, replaced_sha256 text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    (SELECT r.dataset, r.name, e.erased_on, e.reason, f.name, f.licence, f.sha256, n.name, g.sha256
    FROM erasure AS e
    JOIN release AS r ON r.id = e.release_id AND r.scope IS NULL
    JOIN release_file AS f ON f.release_id = r.id AND f.licence = e.licence
    LEFT JOIN release AS n ON n.id = e.replaced_by
    LEFT JOIN release_file AS g ON g.release_id = n.id AND g.name = f.name
    WHERE e.place_id = of_place
    ORDER BY r.dataset, r.cut_at, f.ordinal)
    UNION ALL
    (SELECT NULL, NULL, e.erased_on, e.reason, NULL, e.licence, NULL, NULL, NULL
    FROM erasure AS e
    JOIN release AS r ON r.id = e.release_id AND r.scope IS NOT NULL
    WHERE e.place_id = of_place
    ORDER BY e.erased_on, e.licence)
$$;

-- What stands in place of a release that was withdrawn: its name, '' if nothing does. NULL for a release that is there, or never was.
CREATE FUNCTION published.replacement_of(of_dataset text, of_name text) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    SELECT coalesce((SELECT n.name FROM erasure AS e JOIN release AS n ON n.id = e.replaced_by AND n.state <> 'withdrawn'
                     WHERE e.release_id = r.id LIMIT 1), '')
    FROM release AS r WHERE r.dataset = of_dataset AND r.name = of_name AND r.state = 'withdrawn'
$$;

RESET ROLE;
