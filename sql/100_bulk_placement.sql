-- The same verdicts for many places at once. Communes are the outer side of the join and drive the index on the points:
-- many times faster than asking point by point (make bench, job "place").
SET ROLE geoplatform_owner;

-- Places on their way in: a bulk load copies them here, accept_arrivals stores them, all in one transaction.
-- Unlogged: nothing here outlives the transaction.
CREATE UNLOGGED TABLE geoplatform.arrival (
    id uuid NOT NULL,
    kind text NOT NULL,
    category text COLLATE "C",
    name text NOT NULL,
    description text,
    address text,
    phone text,
    website text,
    opening_hours text,
    licence text NOT NULL,
    source text NOT NULL,
    source_name text,
    geom geometry(Point, 4326) NOT NULL
);
COMMENT ON TABLE geoplatform.arrival IS 'Places that a bulk load is bringing in (EPSG:4326). Empty outside such a load.';
CREATE INDEX arrival_geom ON geoplatform.arrival USING gist (geom);  -- verdicts

-- Verdicts of a vintage on every row of a table with columns id and geom (EPSG:4326) and an index on geom.
-- The easy majority (covered by one polygon, off its limit) is settled by one join; the others (on a limit, in no
-- commune) go through place_point, so that there is one definition of a verdict. An unknown vintage gives no row.
-- Example: SELECT verdict, count(*) FROM geoplatform.verdicts('geoplatform.place', 1) GROUP BY 1;
CREATE FUNCTION geoplatform.verdicts(points regclass, at_vintage integer)
RETURNS TABLE (place_id uuid, verdict text, method text, commune_code text, distance_m real)
LANGUAGE plpgsql STABLE STRICT ROWS 1000000
SET jit = off
SET work_mem = '256MB'
AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH covered AS MATERIALIZED (
            SELECT DISTINCT ON (p.id) p.id, c.code,
                   geoplatform.local_distance_m(public.ST_Boundary(c.geom), p.geom) AS metres
            FROM geoplatform.commune AS c
            JOIN %1$s AS p ON p.geom && c.geom AND public.ST_Covers(c.geom, p.geom)
            WHERE c.vintage_id = $1
            ORDER BY p.id, c.code
        )
        SELECT p.id, found.verdict, found.method, found.commune_code, found.distance_m
        FROM %1$s AS p
        JOIN geoplatform.vintage AS v ON v.id = $1
        LEFT JOIN covered AS f ON f.id = p.id,
        LATERAL (
            SELECT CASE WHEN f.metres < v.precision_m THEN 'border' ELSE 'inside' END, 'cover', f.code,
                   CASE WHEN f.metres < 999.9995 THEN f.metres::real END
            WHERE f.metres >= 0.01
            UNION ALL
            SELECT slow.verdict, slow.method, slow.commune_code, slow.distance_m
            FROM geoplatform.place_point(p.geom, v.id) AS slow
            WHERE f.metres IS NULL OR f.metres < 0.01
        ) AS found (verdict, method, commune_code, distance_m)
    $query$, points) USING at_vintage;
END
$$;

-- Places every place on a vintage, in place of verdicts it may have there, and says how many.
CREATE FUNCTION geoplatform.place_all(at_vintage integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT
AS $$
DECLARE
    placed bigint;
BEGIN
    DELETE FROM geoplatform.placement AS l WHERE l.vintage_id = at_vintage;
    INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
    SELECT v.place_id, at_vintage, v.verdict, v.method, v.commune_code, v.distance_m
    FROM geoplatform.verdicts('geoplatform.place', at_vintage) AS v;
    GET DIAGNOSTICS placed = ROW_COUNT;
    RETURN placed;
END
$$;

-- Stores every arrival as a published, public place with its verdict on the active vintage and its line in the change
-- log, and says how many. Raises 55000 before the first vintage is active, 23505 if an identifier is taken.
CREATE FUNCTION geoplatform.accept_arrivals(actor text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET work_mem = '256MB'
AS $$
DECLARE
    active integer := geoplatform.active_vintage();
    accepted bigint;
BEGIN
    ANALYZE geoplatform.arrival;
    WITH judged AS MATERIALIZED (
        SELECT * FROM geoplatform.verdicts('geoplatform.arrival', active)
    ), stored AS (
        INSERT INTO geoplatform.place (id, kind, category, name, description, address, phone, website, opening_hours,
                                       licence, source, source_name, created_at, modified_at, commune_code_at_entry, geom)
        SELECT a.id, a.kind, a.category, a.name, a.description, a.address, a.phone, a.website, a.opening_hours,
               a.licence, a.source, a.source_name, accept_arrivals.at, accept_arrivals.at, j.commune_code, a.geom
        FROM geoplatform.arrival AS a JOIN judged AS j ON j.place_id = a.id
    ), logged AS (
        INSERT INTO geoplatform.change (operation, place_id, version, occurred_at, actor, commune_code_after, geom_after)
        SELECT 'create', a.id, 1, accept_arrivals.at, accept_arrivals.actor, j.commune_code, a.geom
        FROM geoplatform.arrival AS a JOIN judged AS j ON j.place_id = a.id
    )
    INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
    SELECT j.place_id, active, j.verdict, j.method, j.commune_code, j.distance_m
    FROM judged AS j;
    GET DIAGNOSTICS accepted = ROW_COUNT;
    DELETE FROM geoplatform.arrival;
    RETURN accepted;
END
$$;

RESET ROLE;
