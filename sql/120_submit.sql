-- How a place comes in. One statement stores the place, its verdict, its line in the change log and who wrote it, in one snapshot.
SET ROLE geoplatform_owner;

-- Whether a referent looks at what a citizen adds there before it is shown: while the account is new and somebody is there to look at it.
CREATE FUNCTION people.needs_look(of_citizen uuid, commune text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$
    SELECT (SELECT c.accepted FROM citizen AS c WHERE c.id = of_citizen) < value_of('held_first')
       AND EXISTS (SELECT FROM role AS r JOIN citizen AS c ON c.id = r.citizen_id AND c.state = 'active'
                   WHERE r.citizen_id <> of_citizen AND decides(r.citizen_id, commune))
$$;

-- Status of what a citizen adds: held while the account is new and somebody is there to look at it. GP403 without consent to
-- publication, or while too many wait already. VOLATILE, so that it sees what people.writer waited for.
CREATE FUNCTION people.status_of_new(of_citizen uuid, commune text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
BEGIN
    IF NOT agrees(of_citizen, 'publication') THEN
        PERFORM refuse(403, 'no_consent');
    ELSIF NOT needs_look(of_citizen, commune) THEN
        RETURN 'published';
    END IF;
    IF (SELECT count(*) FROM matter AS m WHERE m.opened_by = of_citizen AND m.kind = 'first' AND m.state = 'open')
       >= value_of('held_at_once')
    THEN
        PERFORM refuse(403, 'held_at_once');
    END IF;
    RETURN 'held';
END
$$;

-- Submits a place. Times and identifiers come from the caller. key: SHA-256 of an operator's key, a session's or a token's.
-- It is placed on every vintage whose places are kept placed: going back to one misses no place.
-- lon, lat: degrees, EPSG:4326. Returns one row with the verdict, where tiles show the place, its status, and whether an operator's key
-- brought it; no row if that identifier is already taken (a retry); SQLSTATE 55000 if no vintage is active; 23503
-- (place_category_of_its_kind) for an unknown category.
-- One statement, whose plan each connection keeps: to plan it takes as long as to run it.
CREATE FUNCTION citizens.submit_place(
    key bytea, id uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, stage text, starts_on date, ends_on date, licence text, visibility text,
    lon double precision, lat double precision, submitted_at timestamptz, matter_id uuid)
RETURNS TABLE (verdict text, method text, commune_code text, commune_name text, distance_m real, vintage integer, shown_quadkey bigint,
               status text, is_program boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    who people.caller := people.writer(submit_place.key, submit_place.submitted_at);
BEGIN
    RETURN QUERY
    WITH target AS MATERIALIZED (
        SELECT geoplatform.active_vintage() AS vintage_id,
               ST_SetSRID(ST_MakePoint(submit_place.lon, submit_place.lat), 4326) AS geom
    ), found AS MATERIALIZED (
        SELECT v.id AS vintage_id, v.id = target.vintage_id AS in_force, v.year, target.geom, judged.*
        FROM target  -- LEFT, so that it is asked, and complains, even where there is no vintage at all
        LEFT JOIN geoplatform.vintage AS v ON v.is_placed
        CROSS JOIN LATERAL geoplatform.place_point(target.geom, v.id) AS judged
    ), stored AS (
        INSERT INTO geoplatform.place (id, kind, category, name, description, address, phone, website, opening_hours,
                                       stage, starts_on, ends_on, licence, visibility, status, source, created_at, modified_at,
                                       commune_code_at_entry, geom)
        SELECT submit_place.id, submit_place.kind, submit_place.category, submit_place.name, submit_place.description,
               submit_place.address, submit_place.phone, submit_place.website, submit_place.opening_hours,
               submit_place.stage, submit_place.starts_on, submit_place.ends_on,
               submit_place.licence, submit_place.visibility,
               CASE WHEN who.citizen_id IS NULL OR EXISTS (SELECT FROM geoplatform.place AS p WHERE p.id = submit_place.id)
                    THEN 'published' ELSE people.status_of_new(who.citizen_id, found.commune_code) END,
               'citizen', submit_place.submitted_at, submit_place.submitted_at, found.commune_code, found.geom
        FROM found WHERE found.in_force
        ON CONFLICT ON CONSTRAINT place_pkey DO NOTHING
        RETURNING place.id, place.version, place.shown_quadkey, place.status, geoplatform.is_public(place.status, place.visibility) AS is_told,
                  CASE WHEN place.status = 'published' THEN place.shown_geom END AS told_geom
    ), placed AS (
        INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT stored.id, found.vintage_id, found.verdict, found.method, found.commune_code, found.distance_m
        FROM stored, found
    ), logged AS (
        INSERT INTO geoplatform.change (operation, place_id, version, occurred_at, actor, is_told, commune_code_after, geom_after)
        SELECT 'create', stored.id, stored.version, submit_place.submitted_at, coalesce(who.label, 'citizen'), stored.is_told,
               found.commune_code, stored.told_geom
        FROM stored, found WHERE found.in_force
    ), authored AS (
        INSERT INTO people.author (place_id, version, citizen_id)
        SELECT stored.id, stored.version, who.citizen_id FROM stored WHERE who.citizen_id IS NOT NULL
    ), kept AS (
        INSERT INTO people.keeper (place_id, citizen_id, since)
        SELECT stored.id, who.citizen_id, submit_place.submitted_at FROM stored WHERE who.citizen_id IS NOT NULL
    ), waiting AS (
        INSERT INTO people.matter (id, kind, place_id, commune_code, opened_by, opened_at)
        SELECT submit_place.matter_id, 'first', stored.id, found.commune_code, who.citizen_id, submit_place.submitted_at
        FROM stored, found WHERE found.in_force AND stored.status = 'held'
    )
    SELECT found.verdict, found.method, found.commune_code, c.name, found.distance_m, found.year::integer, stored.shown_quadkey,
           stored.status, who.citizen_id IS NULL
    FROM stored CROSS JOIN found
    LEFT JOIN geoplatform.commune AS c ON c.vintage_id = found.vintage_id AND c.code = found.commune_code
    WHERE found.in_force;
END
$$;

-- Whether this caller's place is stored with exactly this content: tells a harmless retry from a clash of identifiers.
CREATE FUNCTION citizens.is_place(
    key bytea, at timestamptz, id uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, stage text, starts_on date, ends_on date, licence text, visibility text,
    lon double precision, lat double precision)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM geoplatform.place AS p
        WHERE p.id = is_place.id AND p.source = 'citizen' AND p.status IN ('published', 'held')
          AND (p.kind, p.category, p.name, p.description, p.address, p.phone, p.website, p.opening_hours,
               p.stage, p.starts_on, p.ends_on, p.licence, p.visibility)
              IS NOT DISTINCT FROM
              (is_place.kind, is_place.category, is_place.name, is_place.description, is_place.address, is_place.phone,
               is_place.website, is_place.opening_hours, is_place.stage, is_place.starts_on, is_place.ends_on,
               is_place.licence, is_place.visibility)
          AND ST_X(p.geom) = is_place.lon AND ST_Y(p.geom) = is_place.lat
          AND (SELECT a.citizen_id FROM people.author AS a WHERE a.place_id = p.id AND a.version = 1)
              IS NOT DISTINCT FROM (people.caller(is_place.key, is_place.at, 'contribute')).citizen_id)
$$;

-- The verdict on a position without storing anything: for the form that adds a place. beyond_code, beyond_name: the commune on the other
-- side of the nearest limit, where there is one; two metres and a tenth are for limits that do not meet to the centimetre.
CREATE FUNCTION published.place_of(lon double precision, lat double precision)
RETURNS TABLE (verdict text, method text, commune_code text, commune_name text, distance_m real, beyond_code text, beyond_name text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    WITH here AS MATERIALIZED (
        SELECT ST_SetSRID(ST_MakePoint(place_of.lon, place_of.lat), 4326) AS point, geoplatform.active_vintage() AS vintage
    )
    SELECT found.verdict, found.method, found.commune_code, own.name, found.distance_m, beyond.code, beyond.name
    FROM here
    CROSS JOIN LATERAL geoplatform.place_point(here.point, here.vintage) AS found
    LEFT JOIN commune AS own ON own.vintage_id = here.vintage AND own.code = found.commune_code
    LEFT JOIN LATERAL (
        SELECT c.code, c.name
        FROM commune AS c CROSS JOIN LATERAL local_distance_m(c.geom, here.point) AS away
        WHERE c.vintage_id = here.vintage AND c.code <> found.commune_code AND c.geom && reach(here.point, found.distance_m * 1.1 + 2)
          AND away <= found.distance_m * 1.1 + 2
        ORDER BY away, c.code LIMIT 1
    ) AS beyond ON found.distance_m IS NOT NULL
$$;

-- Places that may be the one that somebody is about to add: within 200 m, or by the same name in the same commune within 2 km; the
-- likeliest first. How alike two names are: trigrams of what search_key leaves of them, 0 to 1. Only what the public sees where.
CREATE FUNCTION published.near_duplicates(called text, lon double precision, lat double precision, besides uuid)
RETURNS TABLE (id uuid, kind text, category text, name text, commune_code text, distance_m real, likeness real)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    WITH here AS MATERIALIZED (
        SELECT ST_SetSRID(ST_MakePoint(near_duplicates.lon, near_duplicates.lat), 4326) AS geom,
               least(2000.0 / 111000 / greatest(cosd(near_duplicates.lat), 0.01), 1) AS reach
    ), near AS (
        SELECT p.id, p.kind, p.category, p.name, ST_DistanceSphere(p.geom, here.geom)::real AS distance_m,
               similarity(search_key(p.name), search_key(near_duplicates.called)) AS likeness, p.version
        FROM here JOIN geoplatform.place AS p ON p.geom && ST_Expand(here.geom, here.reach, 2000.0 / 110000)
        WHERE p.status = 'published' AND p.visibility = 'public' AND p.id IS DISTINCT FROM near_duplicates.besides
    )
    SELECT n.id, n.kind, n.category, n.name, l.commune_code, n.distance_m, n.likeness
    FROM near AS n
    LEFT JOIN geoplatform.placement AS l ON l.place_id = n.id
         AND l.vintage_id = (SELECT v.id FROM geoplatform.vintage AS v WHERE v.state = 'active')
    WHERE (n.distance_m <= 200 AND n.likeness >= 0.45) OR (n.distance_m <= 2000 AND n.likeness >= 0.9)
    ORDER BY n.likeness - n.distance_m / 2000 DESC, n.id
    LIMIT 10
$$;

RESET ROLE;
