-- The write path of the web. One statement stores the place, its verdict and its line in the change log in one snapshot.
SET ROLE geoplatform_owner;

-- Submits a citizen's place. Times and identifiers come from the caller.
-- It is placed on every vintage whose places are kept placed: going back to one misses no place.
-- lon, lat: degrees, EPSG:4326. Returns one row with the verdict and where tiles show the place; no row if that identifier is already taken (a retry);
-- SQLSTATE 55000 if no vintage is active; 23503 (place_category_of_its_kind) for an unknown category.
CREATE FUNCTION published.submit_place(
    id uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, licence text, visibility text, lon double precision, lat double precision,
    actor text, submitted_at timestamptz)
RETURNS TABLE (verdict text, method text, commune_code text, distance_m real, shown_quadkey bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    WITH target AS MATERIALIZED (
        SELECT geoplatform.active_vintage() AS vintage_id,
               ST_SetSRID(ST_MakePoint(submit_place.lon, submit_place.lat), 4326) AS geom
    ), found AS MATERIALIZED (
        SELECT v.id AS vintage_id, v.id = target.vintage_id AS in_force, target.geom, judged.*
        FROM target  -- LEFT, so that it is asked, and complains, even where there is no vintage at all
        LEFT JOIN geoplatform.vintage AS v ON v.is_placed
        CROSS JOIN LATERAL geoplatform.place_point(target.geom, v.id) AS judged
    ), stored AS (
        INSERT INTO geoplatform.place (id, kind, category, name, description, address, phone, website, opening_hours,
                                       licence, visibility, source, created_at, modified_at, commune_code_at_entry, geom)
        SELECT submit_place.id, submit_place.kind, submit_place.category, submit_place.name, submit_place.description,
               submit_place.address, submit_place.phone, submit_place.website, submit_place.opening_hours,
               submit_place.licence, submit_place.visibility, 'citizen',
               submit_place.submitted_at, submit_place.submitted_at, found.commune_code, found.geom
        FROM found WHERE found.in_force
        ON CONFLICT ON CONSTRAINT place_pkey DO NOTHING
        RETURNING place.id, place.version, place.shown_quadkey
    ), placed AS (
        INSERT INTO geoplatform.placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT stored.id, found.vintage_id, found.verdict, found.method, found.commune_code, found.distance_m
        FROM stored, found
    ), logged AS (
        INSERT INTO geoplatform.change (operation, place_id, version, occurred_at, actor, commune_code_after, geom_after)
        SELECT 'create', stored.id, stored.version, submit_place.submitted_at, submit_place.actor, found.commune_code, found.geom
        FROM stored, found WHERE found.in_force
    )
    SELECT found.verdict, found.method, found.commune_code, found.distance_m, stored.shown_quadkey FROM stored, found WHERE found.in_force
$$;

-- Whether a citizen's place is stored with exactly this content: tells a harmless retry from a clash of identifiers.
CREATE FUNCTION published.is_place(
    id uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, licence text, visibility text, lon double precision, lat double precision)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM geoplatform.place AS p
        WHERE p.id = is_place.id AND p.source = 'citizen' AND p.status = 'published'
          AND (p.kind, p.category, p.name, p.description, p.address, p.phone, p.website, p.opening_hours, p.licence, p.visibility)
              IS NOT DISTINCT FROM
              (is_place.kind, is_place.category, is_place.name, is_place.description, is_place.address, is_place.phone,
               is_place.website, is_place.opening_hours, is_place.licence, is_place.visibility)
          AND ST_X(p.geom) = is_place.lon AND ST_Y(p.geom) = is_place.lat)
$$;

-- The verdict on a position without storing anything: for the form that adds a place.
CREATE FUNCTION published.place_of(lon double precision, lat double precision)
RETURNS TABLE (verdict text, method text, commune_code text, distance_m real)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT found.verdict, found.method, found.commune_code, found.distance_m
    FROM geoplatform.place_point(ST_SetSRID(ST_MakePoint(place_of.lon, place_of.lat), 4326), geoplatform.active_vintage()) AS found
$$;

-- Label of the operator-issued token with this SHA-256 that is valid at that moment, or NULL.
CREATE FUNCTION published.token_label(secret_sha256 bytea, at timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT t.label
    FROM geoplatform.api_token AS t
    WHERE t.secret_sha256 = token_label.secret_sha256
      AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > token_label.at)
$$;

RESET ROLE;
