-- The same verdicts for many places at once. Communes are the outer side of the join and drive the index on the points:
-- many times faster than asking point by point (make bench, job "place").
SET ROLE geoplatform_owner;

-- The pattern of the table that one bulk load fills. It stays empty: open_arrivals makes a table like it for each load.
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
COMMENT ON TABLE geoplatform.arrival IS 'Pattern of the tables through which a bulk load brings places in (EPSG:4326). Always empty.';

-- Verdicts of a vintage on every row of a table with columns id (unique) and geom (EPSG:4326) and an index on geom.
-- Four steps, each of whose rules is place_point's own (a test compares the two on hundreds of thousands of points):
--   covered    one join finds what covers each point; on the way, the distance to the limit
--   easy       covered by one polygon, off its limit: nine in ten, settled
--   contested  covered by several polygons or on a limit: a handful, given to place_point
--   open       covered by none: nearest limit, gap and land, looked up without the price of a function call
-- An unknown vintage gives no row. The order of rows is not defined.
-- Example: SELECT verdict, count(*) FROM geoplatform.verdicts('geoplatform.place', 1) GROUP BY 1;
CREATE FUNCTION geoplatform.verdicts(points regclass, at_vintage integer)
RETURNS TABLE (place_id uuid, verdict text, method text, commune_code text, distance_m real)
LANGUAGE plpgsql STABLE STRICT ROWS 1000000
SET jit = off
SET work_mem = '256MB'
AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH pair AS MATERIALIZED (
            -- LEFT, so that communes are the outer side whatever the statistics say: the other order takes several times
            -- as long. A fence (OFFSET 0) would do that too, but forbids parallel workers. Communes without a point
            -- come out with a NULL id.
            SELECT p.id, c.code, geoplatform.local_distance_m(public.ST_Boundary(c.geom), p.geom) AS metres
            FROM geoplatform.commune AS c
            LEFT JOIN %1$s AS p ON p.geom && c.geom AND public.ST_Covers(c.geom, p.geom)
            WHERE c.vintage_id = $1
        ), covered AS MATERIALIZED (
            SELECT f.id, count(*) AS polygons, min(f.code) AS code, min(f.metres) AS metres
            FROM pair AS f
            WHERE f.id IS NOT NULL
            GROUP BY f.id
        ), remaining AS MATERIALIZED (
            SELECT p.id, p.geom, f.id IS NOT NULL AS is_contested
            FROM %1$s AS p LEFT JOIN covered AS f ON f.id = p.id
            WHERE f.id IS NULL OR f.polygons > 1 OR f.metres < 0.01
        )
        SELECT easy.id, CASE WHEN easy.metres < v.precision_m THEN 'border' ELSE 'inside' END, 'cover', easy.code,
               CASE WHEN easy.metres < 999.9995 THEN easy.metres::real END
        FROM covered AS easy JOIN geoplatform.vintage AS v ON v.id = $1
        WHERE easy.polygons = 1 AND easy.metres >= 0.01
        UNION ALL
        SELECT contested.id, slow.verdict, slow.method, slow.commune_code, slow.distance_m
        FROM remaining AS contested, LATERAL geoplatform.place_point(contested.geom, $1) AS slow
        WHERE contested.is_contested
        UNION ALL
        SELECT open.id,
               CASE WHEN near.metres = 0 OR near.is_border AND NOT gap.is_gap THEN 'border'
                    WHEN gap.is_gap THEN 'gap'
                    ELSE ground.verdict END,
               CASE WHEN near.metres = 0 THEN 'edge'
                    WHEN near.is_border AND NOT gap.is_gap THEN 'nearest'
                    ELSE 'none' END,
               CASE WHEN near.metres = 0 OR near.is_border AND NOT gap.is_gap THEN near.code END,
               near.metres::real
        FROM remaining AS open
        JOIN geoplatform.vintage AS v ON v.id = $1
        LEFT JOIN LATERAL (
            SELECT n.code, n.metres::double precision AS metres, n.metres::double precision < v.precision_m AS is_border
            FROM (SELECT c.code, round(geoplatform.local_distance_m(c.geom, open.geom)::numeric, 2) AS metres
                  FROM geoplatform.commune AS c
                  WHERE c.vintage_id = $1 AND c.geom && geoplatform.reach(open.geom, 1000)) AS n
            WHERE n.metres < 1000
            ORDER BY n.metres, n.code
            LIMIT 1) AS near ON true,
        LATERAL (
            SELECT EXISTS (SELECT FROM geoplatform.vintage_finding AS g
                           WHERE g.kind = 'gap' AND g.vintage_id = $1 AND g.geom && open.geom AND public.ST_Covers(g.geom, open.geom)) AS is_gap
            OFFSET 0) AS gap,
        LATERAL (  -- as beyond_communes
            SELECT CASE
                WHEN count(*) = 0 THEN 'sea'
                WHEN NOT bool_and(l.is_france) THEN 'abroad'
                WHEN near.metres IS NULL THEN 'gap'
                WHEN EXISTS (SELECT FROM geoplatform.land AS f
                             WHERE NOT f.is_france AND f.geom && geoplatform.reach(open.geom, 5000)
                               AND geoplatform.local_distance_m(f.geom, open.geom) < 5000) THEN 'abroad'
                ELSE 'sea' END AS verdict
            FROM geoplatform.land AS l
            WHERE l.geom && open.geom AND public.ST_Covers(l.geom, open.geom)) AS ground
        WHERE NOT open.is_contested
    $query$, points) USING at_vintage;
END
$$;

-- The places whose verdict in a vintage may differ from their verdict in an earlier, placed one (id, geom, no index): those
-- within 1 km of the box of a commune that one of the two does not have, or has otherwise; those in a gap of either; those
-- the earlier one does not know. For all others every polygon, limit and gap that place_point looks at is the same.
-- The two vintages must be of the same precision.
CREATE FUNCTION geoplatform.unsettled_places(at_vintage integer, earlier integer)
RETURNS TABLE (id uuid, geom geometry)
LANGUAGE sql STABLE STRICT
SET jit = off
SET work_mem = '128MB'
AS $$
    WITH changed AS MATERIALIZED (
        SELECT public.ST_Envelope(coalesce(new.geom, old.geom)) AS box, public.ST_Envelope(old.geom) AS old_box
        FROM (SELECT * FROM geoplatform.commune AS n WHERE n.vintage_id = at_vintage) AS new
        FULL JOIN (SELECT * FROM geoplatform.commune AS o WHERE o.vintage_id = earlier) AS old ON old.code = new.code
        WHERE new.geom IS DISTINCT FROM old.geom
    ), near AS MATERIALIZED (
        SELECT public.ST_Expand(c.box, 1010 / greatest(1, geoplatform.metres_per_degree_east(
                   greatest(abs(public.ST_YMin(c.box)), abs(public.ST_YMax(c.box))))), 1010 / 110574.0) AS box
        FROM (SELECT box FROM changed WHERE box IS NOT NULL
              UNION ALL SELECT old_box FROM changed WHERE old_box IS NOT NULL
              UNION ALL SELECT public.ST_Envelope(f.geom) FROM geoplatform.vintage_finding AS f
                        WHERE f.kind = 'gap' AND f.vintage_id IN (at_vintage, earlier)) AS c
    )
    SELECT p.id, p.geom FROM near AS n JOIN geoplatform.place AS p ON p.geom && n.box
    UNION
    SELECT p.id, p.geom
    FROM geoplatform.placement AS l JOIN geoplatform.place AS p ON p.id = l.place_id
    WHERE l.vintage_id = earlier AND l.verdict = 'gap'
    UNION
    SELECT p.id, p.geom
    FROM geoplatform.place AS p
    WHERE (SELECT count(*) FROM geoplatform.place)  -- nearly always all are known, which two counts tell sooner
          <> (SELECT count(*) FROM geoplatform.placement AS l WHERE l.vintage_id = earlier)
      AND NOT EXISTS (SELECT FROM geoplatform.placement AS l WHERE l.place_id = p.id AND l.vintage_id = earlier)
$$;

-- Whether verdicts of the one vintage hold in the other but for unsettled_places: as precise, and some limit is the same.
CREATE FUNCTION geoplatform.is_comparable(one integer, other integer) RETURNS boolean
LANGUAGE sql STABLE STRICT
AS $$
    SELECT EXISTS (SELECT FROM geoplatform.vintage AS v JOIN geoplatform.vintage AS w ON w.precision_m = v.precision_m
                   WHERE v.id = one AND w.id = other)
       AND EXISTS (SELECT FROM geoplatform.commune AS c JOIN geoplatform.commune AS o ON o.code = c.code AND o.geom = c.geom
                   WHERE c.vintage_id = one AND o.vintage_id = other)
$$;

-- Gives every place its verdict in a vintage that is not placed yet, and says how many. Verdicts are copied from the active
-- vintage where its limits are the same (unsettled_places), which is most of them when communes have merged since.
CREATE FUNCTION geoplatform.fill_placements(at_vintage integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    partition text := open_partition('placement', at_vintage);
    earlier integer := (SELECT v.id FROM vintage AS v
                        WHERE v.state = 'active' AND v.is_placed AND is_comparable(at_vintage, v.id));
    unsettled text := 'unsettled_' || pg_current_xact_id()::text;
    count_settled bigint := 0;
    count_judged bigint;
BEGIN
    IF earlier IS NOT NULL THEN
        EXECUTE format('CREATE UNLOGGED TABLE geoplatform.%I AS SELECT * FROM unsettled_places(%s, %s)',
                       unsettled, at_vintage, earlier);
        EXECUTE format('ALTER TABLE geoplatform.%I ADD PRIMARY KEY (id)', unsettled);
        EXECUTE format('CREATE INDEX ON geoplatform.%I USING gist (geom)', unsettled);
        EXECUTE format('ANALYZE geoplatform.%I', unsettled);
        EXECUTE format('INSERT INTO %s (place_id, vintage_id, verdict, method, commune_code, distance_m) '
                       'SELECT l.place_id, %s, l.verdict, l.method, l.commune_code, l.distance_m FROM placement AS l '
                       'WHERE l.vintage_id = %s AND NOT EXISTS (SELECT FROM geoplatform.%I AS u WHERE u.id = l.place_id)',
                       partition, at_vintage, earlier, unsettled);
        GET DIAGNOSTICS count_settled = ROW_COUNT;
    END IF;
    EXECUTE format('INSERT INTO %s (place_id, vintage_id, verdict, method, commune_code, distance_m) '
                   'SELECT v.place_id, %s, v.verdict, v.method, v.commune_code, v.distance_m FROM verdicts(%L, %s) AS v',
                   partition, at_vintage,
                   CASE WHEN earlier IS NULL THEN 'geoplatform.place' ELSE 'geoplatform.' || unsettled END, at_vintage);
    GET DIAGNOSTICS count_judged = ROW_COUNT;
    EXECUTE format('DROP TABLE IF EXISTS geoplatform.%I', unsettled);
    PERFORM attach_partition('placement', at_vintage);
    PERFORM analyse_partition('placement', at_vintage);
    UPDATE vintage AS v SET is_placed = true WHERE v.id = at_vintage;
    RETURN count_settled + count_judged;
END
$$;

-- Gives the few places that still have no verdict in a placed vintage one (they were being submitted when it was filled),
-- and says how many. A verdict once given stands: the limits of a vintage never change. Nearly always there are none, which
-- two counts tell sooner than a search: each verdict is on one place.
CREATE FUNCTION geoplatform.place_missing(at_vintage integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    placed bigint;
BEGIN
    IF (SELECT count(*) FROM geoplatform.place)
       = (SELECT count(*) FROM geoplatform.placement AS l WHERE l.vintage_id = at_vintage) THEN
        RETURN 0;
    END IF;
    INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
    SELECT p.id, at_vintage, v.verdict, v.method, v.commune_code, v.distance_m
    FROM geoplatform.place AS p
    CROSS JOIN LATERAL geoplatform.place_point(p.geom, at_vintage) AS v
    WHERE NOT EXISTS (SELECT FROM geoplatform.placement AS l WHERE l.place_id = p.id AND l.vintage_id = at_vintage)
    ON CONFLICT (place_id, vintage_id) DO NOTHING;
    GET DIAGNOSTICS placed = ROW_COUNT;
    RETURN placed;
END
$$;

-- Tells the planner what was loaded, but for the partitions (analyse_partition). As the owner, because ANALYZE is his.
CREATE FUNCTION geoplatform.analyse_boundaries() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    ANALYZE geoplatform.vintage, geoplatform.commune_name, geoplatform.department, geoplatform.vintage_finding,
            geoplatform.land;
END
$$;

-- Name of this transaction's own table of arrivals.
CREATE FUNCTION geoplatform.arrivals_name() RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT 'arrival_' || pg_current_xact_id()::text $$;

-- Makes this transaction's own table of arrivals and gives its qualified name, for COPY. No other transaction ever sees
-- it, so two loads cannot mix; accept_arrivals drops it; a load that is killed leaves nothing. Not a temporary table:
-- parallel workers cannot read those. As the owner, because the loader may not create tables.
-- Raises 42P07 if called twice without accept_arrivals.
CREATE FUNCTION geoplatform.open_arrivals() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE UNLOGGED TABLE geoplatform.%I (LIKE geoplatform.arrival) WITH (autovacuum_enabled = off)',
                   geoplatform.arrivals_name());
    EXECUTE format('GRANT INSERT ON geoplatform.%I TO geoplatform_loader', geoplatform.arrivals_name());
    RETURN format('geoplatform.%I', geoplatform.arrivals_name());
END
$$;

-- Stores every arrival as a published, public place with its verdict on the active vintage and its line in the change
-- log, and says how many. They are placed on every vintage that is kept. The index on the arrivals is built once they are all there. They are stored in the order of
-- the Hilbert curve: neighbours share pages of the tables and of the spatial indexes.
-- Raises 55000 before the first vintage is active, 23505 if an identifier is taken, 42P01 without open_arrivals.
CREATE FUNCTION geoplatform.accept_arrivals(actor text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET work_mem = '256MB'
AS $$
DECLARE
    active integer := geoplatform.active_vintage();
    arrivals regclass := format('geoplatform.%I', geoplatform.arrivals_name());
    other integer;
    accepted bigint;
BEGIN
    EXECUTE format('CREATE INDEX ON %s USING gist (geom)', arrivals);
    EXECUTE format('ANALYZE %s (id, geom)', arrivals);
    EXECUTE format($query$
        WITH judged AS MATERIALIZED (
            SELECT a.*, j.verdict, j.method, j.commune_code, j.distance_m
            FROM %1$s AS a JOIN geoplatform.verdicts(%1$L, $1) AS j ON j.place_id = a.id
            ORDER BY a.geom
        ), stored AS (
            INSERT INTO geoplatform.place (id, kind, category, name, description, address, phone, website, opening_hours,
                                           licence, source, source_name, created_at, modified_at, commune_code_at_entry, geom)
            SELECT id, kind, category, name, description, address, phone, website, opening_hours,
                   licence, source, source_name, $3, $3, commune_code, geom
            FROM judged
        ), logged AS (
            INSERT INTO geoplatform.change (operation, place_id, version, occurred_at, actor, commune_code_after, geom_after)
            SELECT 'create', id, 1, $3, $2, commune_code, geom
            FROM judged
        )
        INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT id, $1, verdict, method, commune_code, distance_m
        FROM judged
    $query$, arrivals) USING active, accept_arrivals.actor, accept_arrivals.at;
    GET DIAGNOSTICS accepted = ROW_COUNT;
    FOR other IN SELECT v.id FROM geoplatform.vintage AS v WHERE v.id <> active AND v.is_placed LOOP  -- as submit_place does
        INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT j.place_id, other, j.verdict, j.method, j.commune_code, j.distance_m
        FROM geoplatform.verdicts(arrivals, other) AS j;
    END LOOP;
    EXECUTE format('DROP TABLE %s', arrivals);
    IF accepted > 1000 THEN
        ANALYZE geoplatform.place, geoplatform.placement;
    END IF;
    RETURN accepted;
END
$$;

RESET ROLE;
