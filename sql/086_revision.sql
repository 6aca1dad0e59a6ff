-- How far the data have come: each write counts itself, so that whoever remembers an answer knows whether it still holds.
-- Steps are only ever added up, so that no two writers wait for each other and no order of commits shows: a snapshot sees
-- exactly the steps of what it sees. (The numbers of geoplatform.change would not do: a late commit changes no highest one.)
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.revision_step (
    data text NOT NULL CHECK (data IN ('limits', 'places')),
    steps bigint NOT NULL CHECK (steps > 0),
    items bigint NOT NULL DEFAULT 0,
    transaction_number bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    stepped_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE geoplatform.revision_step IS 'Writes to limits and places, counted; added up now and then.';
COMMENT ON COLUMN geoplatform.revision_step.items IS
    'By how many these writes changed the number of places that published.place_items shows: to count them takes seconds.';

-- Adds up the steps. Who finds another at it leaves it to him.
CREATE FUNCTION geoplatform.fold_revision() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
DECLARE
    lock_number CONSTANT integer := 1735550318;  -- "grev"
BEGIN
    IF pg_try_advisory_xact_lock(lock_number) THEN
        WITH taken AS (DELETE FROM revision_step RETURNING *)
        INSERT INTO revision_step (data, steps, items, transaction_number, stepped_at)
        SELECT t.data, sum(t.steps), sum(t.items), max(t.transaction_number), max(t.stepped_at) FROM taken AS t GROUP BY t.data;
    END IF;
END
$$;

-- After a statement that wrote places. Whatever it changed: a description shows in no tile and yet in a list.
CREATE FUNCTION geoplatform.count_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = geoplatform, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    came bigint := 0;
    went bigint := 0;
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        SELECT count(*) INTO came FROM come AS p WHERE is_item(p.status, p.visibility, p.licence);
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        SELECT count(*) INTO went FROM gone AS p WHERE is_item(p.status, p.visibility, p.licence);
    ELSIF TG_OP = 'TRUNCATE' THEN
        SELECT coalesce(sum(s.items), 0) INTO went FROM revision_step AS s;
    END IF;
    INSERT INTO revision_step (data, steps, items) VALUES ('places', 1, came - went);
    IF pg_current_xact_id()::text::bigint % 256 = 0 THEN
        PERFORM fold_revision();
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER place_counted_in AFTER INSERT ON geoplatform.place
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.count_write();
CREATE TRIGGER place_counted_out AFTER DELETE ON geoplatform.place
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.count_write();
CREATE TRIGGER place_counted_anew AFTER UPDATE ON geoplatform.place
    REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.count_write();
CREATE TRIGGER place_counted_none AFTER TRUNCATE ON geoplatform.place
    FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.count_write();

-- Another vintage in force: other limits, and places lie in other communes.
CREATE FUNCTION geoplatform.count_vintage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
BEGIN
    INSERT INTO revision_step (data, steps) VALUES ('limits', 1), ('places', 1);
    PERFORM fold_revision();
    RETURN NULL;
END
$$;
CREATE TRIGGER vintage_counted AFTER UPDATE OF state ON geoplatform.vintage
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION geoplatform.count_vintage();
CREATE TRIGGER vintage_gone_counted AFTER DELETE ON geoplatform.vintage
    FOR EACH ROW WHEN (OLD.state <> 'staged') EXECUTE FUNCTION geoplatform.count_vintage();

RESET ROLE;
