-- Where does a point lie? One definition, in geoplatform.place_point; geoplatform.verdicts gives the same answers
-- for many points at once. docs/adr/0004-placement.md says why each rule is as it is.
SET ROLE geoplatform_owner;

-- The next three are single expressions and not STRICT, so that PostgreSQL writes them into the query that calls them
-- (a call costs 100 µs otherwise, forty times the distance itself).

-- Metres in one degree of longitude, and of latitude, at a latitude on the WGS 84 ellipsoid: the radii of curvature
-- N·cos φ and M (EPSG Guidance Note 7-2). NULL gives NULL. Example: at 0° 111319.49 and 110574.28.
CREATE FUNCTION geoplatform.metres_per_degree_east(latitude double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 111319.49079327358 * cosd(latitude) * (1 - 0.00669437999014 * sind(latitude) ^ 2) ^ -0.5 $$;

CREATE FUNCTION geoplatform.metres_per_degree_north(latitude double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 110574.27582159436 * (1 - 0.00669437999014 * sind(latitude) ^ 2) ^ -1.5 $$;

-- Metres from a point to a geometry (0 inside a polygon), both EPSG:4326, in the plane that touches the ellipsoid at
-- the point. Within 2 km it differs from the geodesic by less than 0.1 % (tested against GeographicLib).
-- An empty or NULL geometry gives NULL.
CREATE FUNCTION geoplatform.local_distance_m(shape geometry, point geometry) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT public.ST_Distance(
        public.ST_Affine(shape, geoplatform.metres_per_degree_east(public.ST_Y(point)), 0, 0,
                         geoplatform.metres_per_degree_north(public.ST_Y(point)), 0, 0),
        public.ST_Affine(point, geoplatform.metres_per_degree_east(public.ST_Y(point)), 0, 0,
                         geoplatform.metres_per_degree_north(public.ST_Y(point)), 0, 0))
$$;

-- The box that reaches so many metres around a point (EPSG:4326), a little more rather than less; used with an index.
CREATE FUNCTION geoplatform.reach(point geometry, metres double precision) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT public.ST_Expand(point,
        1.01 * metres / greatest(1, geoplatform.metres_per_degree_east(public.ST_Y(point))),
        1.01 * metres / geoplatform.metres_per_degree_north(public.ST_Y(point)))
$$;

-- What lies where no commune does: gap, abroad or sea. The world map is coarse (1 km or so), so the distance to the nearest
-- commune's limit counts (NULL from 1 km on): French land far from every commune belongs to one that the vintage does not
-- hold (an overseas collectivity, say); near one, it is across a border (a foreign country within 5 km) or coastal water.
-- In PL/pgSQL, as place_point is: their plans are kept, and only the branches that are needed run.
CREATE FUNCTION geoplatform.beyond_communes(point geometry, metres double precision) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    french boolean;
BEGIN
    SELECT l.is_france INTO french
    FROM geoplatform.land AS l
    WHERE l.geom && point AND public.ST_Covers(l.geom, point)
    ORDER BY l.is_france
    LIMIT 1;
    RETURN CASE
        WHEN french IS NULL THEN 'sea'
        WHEN NOT french THEN 'abroad'
        WHEN metres IS NULL THEN 'gap'
        WHEN EXISTS (SELECT FROM geoplatform.land AS l
                     WHERE NOT l.is_france AND l.geom && geoplatform.reach(point, 5000)
                       AND geoplatform.local_distance_m(l.geom, point) < 5000) THEN 'abroad'
        ELSE 'sea'
    END;
END
$$;

-- Verdict on one point (EPSG:4326) in one vintage:
--   inside  the commune's polygon covers it, and its limit is farther than the vintage's precision
--   border  a commune is named, but the limit is nearer than the precision (method cover or nearest),
--           or the point lies on a limit to the centimetre: then the smaller code wins (method edge)
--   gap     in France, in a commune the vintage cannot name: in one of its holes, or on French land that it does not cover
--   abroad  on the land of another country
--   sea     none of these
-- distance_m is to the nearest limit, NULL from 1 km on. No row if the vintage does not exist.
-- Example: SELECT * FROM geoplatform.place_point(ST_Point(55.41, -21.28, 4326), 1);
CREATE FUNCTION geoplatform.place_point(point geometry, at_vintage integer,
    OUT verdict text, OUT method text, OUT commune_code text, OUT distance_m real)
RETURNS SETOF record
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE ROWS 1 COST 5000
SET plan_cache_mode = force_generic_plan  -- planning anew for each point takes ten times the answer
AS $$
DECLARE
    precise_to real;
    holder text;
    metres double precision;
BEGIN
    SELECT v.precision_m INTO precise_to FROM geoplatform.vintage AS v WHERE v.id = at_vintage;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    SELECT c.code, geoplatform.local_distance_m(public.ST_Boundary(c.geom), point) INTO holder, metres
    FROM geoplatform.commune AS c
    WHERE c.vintage_id = at_vintage AND c.geom && point AND public.ST_Covers(c.geom, point)
    ORDER BY c.code
    LIMIT 1;
    IF metres >= 0.01 THEN
        verdict := CASE WHEN metres < precise_to THEN 'border' ELSE 'inside' END;
        method := 'cover';
        commune_code := holder;
        distance_m := CASE WHEN metres < 999.9995 THEN metres END;
        RETURN NEXT;
        RETURN;
    END IF;

    -- On a limit, or in no polygon: the nearest one to the centimetre, the smaller code where several are as near.
    SELECT near.code, near.metres INTO holder, metres
    FROM (SELECT c.code, round(geoplatform.local_distance_m(c.geom, point)::numeric, 2) AS metres
          FROM geoplatform.commune AS c
          WHERE c.vintage_id = at_vintage AND c.geom && geoplatform.reach(point, 1000)) AS near
    WHERE near.metres < 1000
    ORDER BY near.metres, near.code
    LIMIT 1;
    distance_m := metres;
    IF metres = 0 THEN
        verdict := 'border';
        method := 'edge';
        commune_code := holder;
    ELSIF EXISTS (SELECT FROM geoplatform.vintage_finding AS g
                  WHERE g.kind = 'gap' AND g.vintage_id = at_vintage AND g.geom && point AND public.ST_Covers(g.geom, point)) THEN
        verdict := 'gap';
        method := 'none';
    ELSIF metres < precise_to THEN
        verdict := 'border';
        method := 'nearest';
        commune_code := holder;
    ELSE
        verdict := geoplatform.beyond_communes(point, metres);
        method := 'none';
    END IF;
    RETURN NEXT;
END
$$;

-- Number of the active vintage. Raises 55000 (object not in prerequisite state) before the first one is activated.
CREATE FUNCTION geoplatform.active_vintage() RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    found integer;
BEGIN
    SELECT id INTO found FROM geoplatform.vintage WHERE state = 'active';
    IF found IS NULL THEN
        RAISE EXCEPTION 'no vintage of boundaries is active' USING ERRCODE = '55000';
    END IF;
    RETURN found;
END
$$;

RESET ROLE;
