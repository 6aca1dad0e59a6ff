-- Cuts on demand: somebody asks for the places of a commune, an EPCI or a department as files, a worker publishes them. What is
-- to be done waits in the queue (schema `queue`, tables of procrastinate, installed by store/schema.py); what people see is here.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.cut (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    level text NOT NULL CHECK (level IN ('department', 'epci', 'commune')),
    code text COLLATE "C" NOT NULL,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    began_in pg_snapshot,
    step text,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    release text,
    problem text CHECK (problem IN ('full', 'gone', 'interrupted', 'failed')),
    CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'done') = (release IS NOT NULL) AND (state = 'failed') = (problem IS NOT NULL))
);
COMMENT ON TABLE geoplatform.cut IS 'Cuts of the places of one scope that somebody asked for. Nobody is named.';
COMMENT ON COLUMN geoplatform.cut.began_in IS 'A snapshot from before the cut: every change that it shows is in the files.';
CREATE UNIQUE INDEX cut_under_way ON geoplatform.cut (level, code) WHERE state IN ('waiting', 'running');  -- request_cut
CREATE INDEX cut_ended ON geoplatform.cut (level, code, release) WHERE state = 'done';  -- current_cut
CREATE INDEX change_transaction ON geoplatform.change (transaction_id);  -- current_cut

CREATE VIEW published.cuts AS
SELECT c.id, c.level, c.code, c.name, c.state, c.requested_at, c.started_at, c.ended_at, c.step, c.done, c.total, c.release, c.problem,
       CASE WHEN c.state = 'waiting'
            THEN (SELECT count(*) FROM geoplatform.cut AS o WHERE o.state IN ('waiting', 'running') AND o.id < c.id) END AS ahead,
       EXISTS (SELECT FROM queue.procrastinate_workers AS w WHERE w.last_heartbeat > now() - interval '1 minute') AS is_attended
FROM geoplatform.cut AS c;
COMMENT ON VIEW published.cuts IS 'Cuts on demand and how far they have come.';
COMMENT ON COLUMN published.cuts.id IS 'Number of the cut.';
COMMENT ON COLUMN published.cuts.level IS 'department, epci or commune.';
COMMENT ON COLUMN published.cuts.code IS 'Code of the scope.';
COMMENT ON COLUMN published.cuts.name IS 'Name of the scope when it was asked for.';
COMMENT ON COLUMN published.cuts.state IS 'waiting, running, done or failed.';
COMMENT ON COLUMN published.cuts.requested_at IS 'When somebody first asked for it.';
COMMENT ON COLUMN published.cuts.started_at IS 'When a worker last took it up.';
COMMENT ON COLUMN published.cuts.ended_at IS 'When it was done, or failed.';
COMMENT ON COLUMN published.cuts.step IS 'What is being done: cut, write, publish or retention.';
COMMENT ON COLUMN published.cuts.done IS 'How much of this step is done: rows that are cut, files that are written.';
COMMENT ON COLUMN published.cuts.total IS 'Of how much, where that is known.';
COMMENT ON COLUMN published.cuts.release IS 'Name of the release that holds it.';
COMMENT ON COLUMN published.cuts.problem IS
    'Why it failed. full: no space; gone: no longer a scope; interrupted: its worker was ended again and again; failed: else.';
COMMENT ON COLUMN published.cuts.ahead IS 'How many cuts come before it while it waits.';
COMMENT ON COLUMN published.cuts.is_attended IS 'Whether a worker is there to make it.';

-- Name of the current release of the places of a scope if nothing was changed in these communes since, else NULL.
-- codes: of the communes of the scope. A release of a cut knows its snapshot; of another one only the last change it holds is known:
-- numbers may commit out of order, so that what began after the transaction of that change counts as new as well.
CREATE FUNCTION geoplatform.current_cut(level text, code text, codes text[]) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT r.name
    FROM release AS r
    JOIN vintage AS v ON v.state = 'active' AND v.year = r.vintage AND (v.activated_at <= r.published_at) IS NOT FALSE
    LEFT JOIN LATERAL (SELECT c.began_in FROM cut AS c
                       WHERE c.level = current_cut.level AND c.code = current_cut.code AND c.release = r.name AND c.state = 'done'
                       ORDER BY c.id DESC LIMIT 1) AS made ON true
    WHERE r.dataset = 'places-' || current_cut.level || '-' || current_cut.code AND r.state = 'current'
      AND NOT EXISTS (
          SELECT FROM change AS l
          WHERE made.began_in IS NOT NULL AND l.transaction_id >= pg_snapshot_xmin(made.began_in)
            AND NOT pg_visible_in_snapshot(l.transaction_id, made.began_in)
            AND (l.commune_code_before = ANY (codes) OR l.commune_code_after = ANY (codes)))
      AND NOT EXISTS (
          SELECT FROM change AS l
          WHERE made.began_in IS NULL
            AND (l.seq > r.change_seq OR l.transaction_id > (SELECT x.transaction_id FROM change AS x WHERE x.seq = r.change_seq))
            AND (l.commune_code_before = ANY (codes) OR l.commune_code_after = ANY (codes)))
$$;

-- Asks for the places of a scope as files. wanted_level: department, epci or commune. Returns one row, `outcome` being
--   unknown  the active vintage has no such scope
--   current  the release `latest` is still true
--   joined   the cut `number` is already under way
--   queued   the cut `number` waits now, and a job for it
--   full     too many wait
CREATE FUNCTION published.request_cut(wanted_level text, wanted_code text, at timestamptz)
RETURNS TABLE (outcome text, number integer, latest text)
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, queue, public, pg_temp
AS $$
DECLARE
    lock_number CONSTANT integer := 1734702964;  -- "gecut"
    most CONSTANT integer := 200;
    kept_for CONSTANT interval := interval '30 days';
    scope_name text;
    codes text[];
BEGIN
    scope_name := CASE wanted_level
        WHEN 'commune' THEN (SELECT c.name FROM published.communes AS c WHERE c.code = wanted_code)
        WHEN 'department' THEN (SELECT d.name FROM published.departments AS d WHERE d.code = wanted_code)
        WHEN 'epci' THEN (SELECT e.name FROM published.epci AS e WHERE e.code = wanted_code) END;
    IF scope_name IS NULL THEN
        RETURN QUERY SELECT 'unknown', NULL::integer, NULL::text;
        RETURN;
    END IF;
    codes := ARRAY(SELECT c.code FROM published.communes AS c
                   WHERE CASE wanted_level WHEN 'commune' THEN c.code WHEN 'department' THEN c.department_code
                                           ELSE c.epci_code END = wanted_code);
    PERFORM pg_advisory_xact_lock(lock_number);
    number := (SELECT c.id FROM cut AS c
               WHERE c.level = wanted_level AND c.code = wanted_code AND c.state IN ('waiting', 'running'));
    latest := current_cut(wanted_level, wanted_code, codes);
    IF latest IS NOT NULL THEN
        outcome := 'current';
    ELSIF number IS NOT NULL THEN
        outcome := 'joined';
    ELSIF (SELECT count(*) FROM cut AS c WHERE c.state = 'waiting') >= most THEN
        outcome := 'full';
    ELSE
        outcome := 'queued';
        DELETE FROM cut AS c WHERE c.ended_at < at - kept_for
            AND NOT EXISTS (SELECT FROM release AS r WHERE r.dataset = 'places-' || c.level || '-' || c.code
                            AND r.name = c.release AND r.state = 'current');
        INSERT INTO cut (level, code, name, requested_at) VALUES (wanted_level, wanted_code, scope_name, at)
        RETURNING id INTO number;
        PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
            'cuts', 'cut', 0, 'places-' || wanted_level || '-' || wanted_code, 'cut:' || number, jsonb_build_object('number', number), NULL
        )::procrastinate_job_to_defer_v1]);
    END IF;
    RETURN NEXT;
END
$$;

-- A worker takes a cut up: its scope, or no row if it has ended.
CREATE FUNCTION published.begin_cut(number integer, at timestamptz) RETURNS TABLE (level text, code text)
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    UPDATE cut AS c SET state = 'running', started_at = at, began_in = pg_current_snapshot(), step = NULL, done = 0, total = NULL
    WHERE c.id = number AND c.state IN ('waiting', 'running')
    RETURNING c.level, c.code
$$;

-- How far a cut has come.
CREATE FUNCTION published.tell_cut(number integer, step text, done bigint, total bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    UPDATE cut AS c SET step = tell_cut.step, done = tell_cut.done, total = tell_cut.total WHERE c.id = number AND c.state = 'running'
$$;

-- The end of a cut that is under way: its release, or its problem; with neither it waits again.
CREATE FUNCTION published.end_cut(number integer, release text, problem text, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    UPDATE cut AS c
    SET state = CASE WHEN end_cut.release IS NOT NULL THEN 'done' WHEN end_cut.problem IS NOT NULL THEN 'failed' ELSE 'waiting' END,
        ended_at = CASE WHEN coalesce(end_cut.release, end_cut.problem) IS NOT NULL THEN at END,
        release = end_cut.release, problem = CASE WHEN end_cut.release IS NULL THEN end_cut.problem END
    WHERE c.id = number AND c.state IN ('waiting', 'running')
$$;

-- Cuts that are under way and have no job any more have failed: none is stuck. How many there were.
CREATE FUNCTION published.mend_cuts(at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, queue, pg_temp
AS $$
    WITH mended AS (
        UPDATE cut AS c SET state = 'failed', ended_at = at, problem = 'interrupted'
        WHERE c.state IN ('waiting', 'running')
          AND NOT EXISTS (SELECT FROM procrastinate_jobs AS j
                          WHERE j.queueing_lock = 'cut:' || c.id AND j.status IN ('todo', 'doing'))
        RETURNING c.id)
    SELECT count(*) FROM mended
$$;

RESET ROLE;
