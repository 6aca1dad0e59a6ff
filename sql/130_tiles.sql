-- Tiles in Web Mercator (WebMercatorQuad). One function per layer makes the tile's features in tile coordinates
-- (0..4096, y down, margin 64); MVT and GeoJSON are two spellings of those same features. What is shown at which zoom stands
-- in geoplatform.zoom_span. In PL/pgSQL, so that plans are kept: planning anew takes longer than most tiles.
SET ROLE geoplatform_owner;

-- Envelope of a tile with its margin of 64/4096, EPSG:3857.
CREATE FUNCTION published.tile_reach(z integer, x integer, y integer) RETURNS geometry
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT public.ST_TileEnvelope(z, x, y, margin => 64.0 / 4096) $$;

-- Metres of EPSG:3857 in a tile unit, 4096 to a tile's side.
CREATE FUNCTION geoplatform.tile_unit(z integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 40075016.685578488 / (4096 * (1::bigint << z)) $$;

-- Which copy of the limits a tile shows, of a vintage by its number. is_on_grid: this zoom is the deepest that shows the copy,
-- which lies on its grid; the finest copy lies on none.
CREATE FUNCTION geoplatform.copy_of(of_vintage integer, z integer)
RETURNS TABLE (vintage_id integer, vintage smallint, communes text, from_zoom smallint, is_on_grid boolean, finished text[])
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT v.id, v.year, p.communes, copy.from_zoom, copy.next_zoom = z + 1, p.finished
    FROM geoplatform.vintage AS v
    JOIN geoplatform.zoom_policy AS p ON p.zoom = z
    CROSS JOIN LATERAL (SELECT max(c.from_zoom) FILTER (WHERE c.from_zoom <= z) AS from_zoom,
                               min(c.from_zoom) FILTER (WHERE c.from_zoom > z) AS next_zoom
                        FROM unnest(v.drawn_zooms) AS c (from_zoom)) AS copy
    WHERE v.id = of_vintage
$$;

-- The same for what the public may ask: none where there is no such vintage, or it is staged. NULL: the active one.
CREATE FUNCTION geoplatform.tile_copy(z integer, at_vintage integer)
RETURNS TABLE (vintage_id integer, vintage smallint, communes text, from_zoom smallint, is_on_grid boolean, finished text[])
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT c.*
    FROM geoplatform.vintage AS v, geoplatform.copy_of(v.id, z) AS c
    WHERE v.state <> 'staged' AND v.id = coalesce(at_vintage, (SELECT a.id FROM geoplatform.vintage AS a WHERE a.state = 'active'))
$$;

-- Limits in tile coordinates; not STRICT and one expression, to be written into what calls it. What lies on the tile's grid and
-- within its margin only moves there; ST_AsMVTGeom, which clips, rounds and repairs, takes ten times as long.
CREATE FUNCTION geoplatform.in_tile(shape geometry, is_on_grid boolean, z integer, x integer, y integer) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN is_on_grid AND shape OPERATOR(public.@) published.tile_reach(z, x, y)
        THEN public.ST_SnapToGrid(public.ST_Affine(shape, 1 / geoplatform.tile_unit(z), 0, 0, -1 / geoplatform.tile_unit(z),
                                                   20037508.342789244 / geoplatform.tile_unit(z) - x * 4096.0,
                                                   20037508.342789244 / geoplatform.tile_unit(z) - y * 4096.0), 1)
        ELSE public.ST_AsMVTGeom(shape, public.ST_TileEnvelope(z, x, y), 4096, 64, true) END
$$;

-- Features of limits; single statements, to be written into what calls them. The first five arguments are a copy (copy_of).
CREATE FUNCTION geoplatform.drawn_communes(of_vintage integer, year smallint, policy text, of_zoom smallint, on_grid boolean,
    z integer, x integer, y integer)
RETURNS TABLE (fid bigint, code text, name text, department_code text, population integer, vintage smallint, geom geometry)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT geoplatform.insee_fid(f.code), f.code, f.name, f.department_code, f.population, f.vintage, f.geom
    FROM (SELECT d.code, CASE policy WHEN 'names' THEN d.name END AS name, CASE policy WHEN 'names' THEN d.department_code END AS department_code,
                 CASE policy WHEN 'names' THEN d.population END AS population, CASE policy WHEN 'names' THEN year END AS vintage,
                 geoplatform.in_tile(d.geom, on_grid, z, x, y) AS geom
          FROM geoplatform.drawing AS d
          WHERE d.vintage_id = of_vintage AND d.level = 'commune' AND d.from_zoom = of_zoom AND policy <> 'none'
            AND d.geom OPERATOR(public.&&) published.tile_reach(z, x, y)
          OFFSET 0) AS f
    WHERE f.geom IS NOT NULL
    ORDER BY 1
$$;

CREATE FUNCTION geoplatform.drawn_departments(of_vintage integer, year smallint, of_zoom smallint, on_grid boolean,
    z integer, x integer, y integer)
RETURNS TABLE (fid bigint, code text, name text, region_code text, vintage smallint, geom geometry)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT geoplatform.insee_fid(u.code), u.code, u.name, u.region_code, year, f.geom
    FROM (SELECT d.code, geoplatform.in_tile(d.geom, on_grid, z, x, y) AS geom
          FROM geoplatform.drawing AS d
          WHERE d.vintage_id = of_vintage AND d.level = 'department' AND d.from_zoom = of_zoom
            AND d.geom OPERATOR(public.&&) published.tile_reach(z, x, y)
          OFFSET 0) AS f
    JOIN geoplatform.department AS u ON u.vintage_id = of_vintage AND u.code = f.code
    WHERE f.geom IS NOT NULL
    ORDER BY 1
$$;

CREATE FUNCTION published.commune_features(z integer, x integer, y integer, at_vintage integer)
RETURNS TABLE (fid bigint, code text, name text, department_code text, population integer, vintage smallint, geom geometry)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    copy record;
BEGIN
    SELECT * INTO copy FROM tile_copy(z, at_vintage);
    RETURN QUERY
    SELECT f.* FROM drawn_communes(copy.vintage_id, copy.vintage, copy.communes, copy.from_zoom, copy.is_on_grid, z, x, y) AS f;
END
$$;

CREATE FUNCTION published.department_features(z integer, x integer, y integer, at_vintage integer)
RETURNS TABLE (fid bigint, code text, name text, region_code text, vintage smallint, geom geometry)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    copy record;
BEGIN
    SELECT * INTO copy FROM tile_copy(z, at_vintage);
    RETURN QUERY
    SELECT f.* FROM drawn_departments(copy.vintage_id, copy.vintage, copy.from_zoom, copy.is_on_grid, z, x, y) AS f;
END
$$;

-- Places that tiles show whose quadkey is at least `first` and below `beyond`, filtered; a filter that is NULL takes all.
CREATE FUNCTION geoplatform.shown_places(first bigint, beyond bigint, wanted_kind text, wanted_category text,
    wanted_licence text, in_commune text, in_department text)
RETURNS TABLE (fid bigint, quadkey bigint, kind text, x bigint, y bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    active integer;
    codes text[];
BEGIN
    IF in_commune IS NULL AND in_department IS NULL THEN
        RETURN QUERY
        SELECT p.fid, p.shown_quadkey, p.kind, round(100 * ST_X(p.shown_geom_3857))::bigint, round(100 * ST_Y(p.shown_geom_3857))::bigint
        FROM place AS p
        WHERE p.shown_quadkey >= first AND p.shown_quadkey < beyond
          AND (wanted_kind IS NULL OR p.kind = wanted_kind) AND (wanted_category IS NULL OR p.category = wanted_category)
          AND (wanted_licence IS NULL OR p.licence = wanted_licence);
        RETURN;
    END IF;
    SELECT v.id INTO active FROM vintage AS v WHERE v.state = 'active';
    -- The codes first, by value: a plan for any of the filters at once would walk over every place.
    SELECT array_agg(c.code) INTO codes
    FROM commune AS c
    WHERE c.vintage_id = active AND (in_commune IS NULL OR c.code = in_commune)
      AND (in_department IS NULL OR c.department_code = in_department);
    RETURN QUERY EXECUTE
        'SELECT p.fid, p.shown_quadkey, p.kind, round(100 * ST_X(p.shown_geom_3857))::bigint, round(100 * ST_Y(p.shown_geom_3857))::bigint
         FROM placement AS l JOIN place AS p ON p.id = l.place_id
         WHERE l.vintage_id = $1 AND l.commune_code = ANY ($2) AND p.shown_quadkey >= $3 AND p.shown_quadkey < $4
           AND ($5 IS NULL OR p.kind = $5) AND ($6 IS NULL OR p.category = $6) AND ($7 IS NULL OR p.licence = $7)'
        USING active, codes, first, beyond, wanted_kind, wanted_category, wanted_licence;
END
$$;

-- Groups of the places in a tile, one row per cell: how many of each kind, the sums of their positions (centimetres), the
-- quadkeys of the first and last of them, fid of the first. level: zoom of the tiles that are the cells.
CREATE FUNCTION geoplatform.place_groups(z integer, x integer, y integer, level integer, kept boolean, wanted_kind text,
    wanted_category text, wanted_licence text, in_commune text, in_department text)
RETURNS TABLE (cell bigint, merchants bigint, services bigint, associations bigint, projects bigint, sum_x numeric, sum_y numeric,
               first_key bigint, last_key bigint, fid bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 64
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    tile bigint := interleaved(x, y);
    shift integer := 62 - 2 * level;
    inside integer := 2 * (level - z);
BEGIN
    IF NOT kept OR num_nonnulls(wanted_category, wanted_licence, in_commune, in_department) > 0 THEN
        RETURN QUERY
        SELECT p.quadkey >> shift, count(*) FILTER (WHERE p.kind = 'merchant'), count(*) FILTER (WHERE p.kind = 'service'),
               count(*) FILTER (WHERE p.kind = 'association'), count(*) FILTER (WHERE p.kind = 'project'),
               sum(p.x), sum(p.y), min(p.quadkey), max(p.quadkey), min(p.fid)
        FROM shown_places(tile << (62 - 2 * z), (tile + 1) << (62 - 2 * z), wanted_kind, wanted_category, wanted_licence,
                          in_commune, in_department) AS p
        GROUP BY 1;
        RETURN;
    END IF;
    RETURN QUERY
    WITH part AS (
        SELECT c.cell, c.kind, c.places, c.sum_x, c.sum_y
        FROM place_cell AS c
        WHERE c.zoom = z AND c.cell >= tile << inside AND c.cell < (tile + 1) << inside
          AND (wanted_kind IS NULL OR c.kind = wanted_kind)
        UNION ALL
        SELECT d.quadkey >> shift, d.kind, d.places, d.places * d.x, d.places * d.y
        FROM place_cell_delta AS d
        WHERE d.quadkey >> (62 - 2 * z) = tile AND (wanted_kind IS NULL OR d.kind = wanted_kind)
    ), whole AS (
        SELECT p.cell, coalesce(sum(p.places) FILTER (WHERE p.kind = 'merchant'), 0) AS merchants,
               coalesce(sum(p.places) FILTER (WHERE p.kind = 'service'), 0) AS services,
               coalesce(sum(p.places) FILTER (WHERE p.kind = 'association'), 0) AS associations,
               coalesce(sum(p.places) FILTER (WHERE p.kind = 'project'), 0) AS projects,
               sum(p.sum_x) AS sum_x, sum(p.sum_y) AS sum_y
        FROM part AS p GROUP BY p.cell HAVING sum(p.places) > 0
    )
    SELECT w.*, head.shown_quadkey, tail.shown_quadkey, head.fid
    FROM whole AS w
    CROSS JOIN LATERAL (
        SELECT p.shown_quadkey, p.fid FROM place AS p
        WHERE p.shown_quadkey >= w.cell << shift AND p.shown_quadkey < (w.cell + 1) << shift
          AND (wanted_kind IS NULL OR p.kind = wanted_kind)
        ORDER BY p.shown_quadkey LIMIT 1) AS head
    CROSS JOIN LATERAL (
        SELECT p.shown_quadkey FROM place AS p
        WHERE p.shown_quadkey >= w.cell << shift AND p.shown_quadkey < (w.cell + 1) << shift
          AND (wanted_kind IS NULL OR p.kind = wanted_kind)
        ORDER BY p.shown_quadkey DESC LIMIT 1) AS tail;
END
$$;

-- What a place alone is called in tiles, where names are numbers: the random end of its identifier (48 bits), because its own number
-- tells when it was entered.
CREATE FUNCTION geoplatform.tile_id(id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ('x' || right(id::text, 12))::bit(48)::bigint $$;

-- Places, or as the zoom policy says one feature per cell of a grid: a lone place keeps its properties, several become a
-- cluster at their centre with point_count, a count per kind, cluster_id (stable as long as its cell holds several) and
-- expansion_zoom (where they are no longer one; NULL if never). Nothing is dropped, and each place is counted in one tile of a
-- zoom only: cells have no margin. Where places are shown one by one and a tile holds too many, they are grouped all the same.
-- Filters that are NULL take all; commune and department are those of the active vintage.
CREATE FUNCTION published.place_features(z integer, x integer, y integer, wanted_kind text DEFAULT NULL,
    wanted_category text DEFAULT NULL, wanted_licence text DEFAULT NULL, in_commune text DEFAULT NULL, in_department text DEFAULT NULL)
RETURNS TABLE (fid bigint, id uuid, kind text, category text, name text, source text, licence text, commune_code text,
               point_count integer, merchants integer, services integer, associations integer, projects integer,
               cluster_id bigint, expansion_zoom integer, geom geometry)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    many CONSTANT integer := 2000;
    unit double precision := tile_unit(z);
    left_x double precision := x * 4096.0 - 20037508.342789244 / unit;
    top_y double precision := y * 4096.0 - 20037508.342789244 / unit;
    reach geometry := published.tile_reach(z, x, y);
    active integer;
    policy record;
    single_from integer;
BEGIN
    SELECT v.id INTO active FROM vintage AS v WHERE v.state = 'active';
    SELECT p.places, least(p.level, 25) AS level INTO policy FROM zoom_policy AS p WHERE p.zoom = z;
    IF policy.places = 'single' AND many >= (
        SELECT count(*)
        FROM (SELECT FROM place AS p
              WHERE p.shown_geom_3857 && reach AND p.shown_quadkey IS NOT NULL
                AND (wanted_kind IS NULL OR p.kind = wanted_kind) AND (wanted_category IS NULL OR p.category = wanted_category)
                AND (wanted_licence IS NULL OR p.licence = wanted_licence)
              LIMIT many + 1) AS some_places)
    THEN
        RETURN QUERY
        SELECT tile_id(p.id), p.id, p.kind, p.category, p.name, p.source, p.licence, l.commune_code, 1,
               (p.kind = 'merchant')::integer, (p.kind = 'service')::integer, (p.kind = 'association')::integer,
               (p.kind = 'project')::integer, NULL::bigint, NULL::integer,
               ST_Point(round(ST_X(p.shown_geom_3857) / unit - left_x), round(-ST_Y(p.shown_geom_3857) / unit - top_y))
        FROM place AS p
        JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = active
        WHERE p.shown_geom_3857 && reach AND p.shown_quadkey IS NOT NULL
          AND ST_X(p.shown_geom_3857) BETWEEN ST_XMin(reach) AND ST_XMax(reach)  -- boxes of && are a metre coarse
          AND ST_Y(p.shown_geom_3857) BETWEEN ST_YMin(reach) AND ST_YMax(reach)
          AND (wanted_kind IS NULL OR p.kind = wanted_kind) AND (wanted_category IS NULL OR p.category = wanted_category)
          AND (wanted_licence IS NULL OR p.licence = wanted_licence)
          AND (in_commune IS NULL OR l.commune_code = in_commune)
          AND (in_department IS NULL OR EXISTS (SELECT FROM commune AS c WHERE c.vintage_id = active AND c.code = l.commune_code
                                                AND c.department_code = in_department))
        ORDER BY 1, 2;
        RETURN;
    END IF;
    SELECT min(p.zoom) INTO single_from FROM zoom_policy AS p WHERE p.places = 'single';
    RETURN QUERY
    SELECT coalesce(tile_id(s.id), g.id_of_cell), s.id, s.kind, s.category, s.name, s.source, s.licence, l.commune_code,
           g.places, g.merchants::integer, g.services::integer, g.associations::integer, g.projects::integer,
           CASE WHEN g.places > 1 THEN g.id_of_cell END,
           CASE WHEN g.places = 1 THEN NULL
                WHEN z < single_from THEN least(single_from, g.divided_at - policy.level + z)
                WHEN g.divided_at <= 25 THEN g.divided_at - policy.level + z END,
           ST_Point(round(g.sum_x::double precision / (100 * g.places) / unit - left_x),
                    round(-g.sum_y::double precision / (100 * g.places) / unit - top_y))
    FROM (SELECT r.*, (r.merchants + r.services + r.associations + r.projects)::integer AS places,
                 (1::bigint << 52) + (1::bigint << 2 * policy.level) + r.cell AS id_of_cell,
                 -- zoom of the first tiles that lie between the first and the last place: from the leading bits they share
                 CASE WHEN r.first_key = r.last_key THEN 99
                      ELSE 32 - (length(ltrim((r.first_key # r.last_key)::bit(64)::text, '0')) + 1) / 2 END AS divided_at
          FROM place_groups(z, x, y, policy.level, policy.places = 'kept', wanted_kind, wanted_category, wanted_licence,
                            in_commune, in_department) AS r OFFSET 0) AS g
    LEFT JOIN place AS s ON g.places = 1 AND s.fid = g.fid
    LEFT JOIN placement AS l ON l.place_id = s.id AND l.vintage_id = active
    ORDER BY 1, 2;
END
$$;

-- Limits of one copy as a layer of Mapbox Vector Tile 2.1; empty bytes where nothing lies. layer: communes or departments.
CREATE FUNCTION geoplatform.limits_mvt(layer text, of_vintage integer, year smallint, policy text, of_zoom smallint, on_grid boolean,
    z integer, x integer, y integer) RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    IF layer = 'communes' THEN
        RETURN (SELECT public.ST_AsMVT(f, 'communes', 4096, 'geom', 'fid')
                FROM geoplatform.drawn_communes(of_vintage, year, policy, of_zoom, on_grid, z, x, y) AS f);
    END IF;
    RETURN (SELECT public.ST_AsMVT(f, 'departments', 4096, 'geom', 'fid')
            FROM geoplatform.drawn_departments(of_vintage, year, of_zoom, on_grid, z, x, y) AS f);
END
$$;

-- Layers as Mapbox Vector Tile 2.1 in two parts: `finished`, gzipped, is what the loader has finished (NULL where that is nothing),
-- `made` the rest, empty bytes where nothing lies. Both together are the tile: a tile is its layers one after the other. `all` is
-- communes, departments and places. at_vintage: number of a vintage, for the limits; NULL is the active one. Filters are of places.
CREATE FUNCTION published.tile_parts(layer text, z integer, x integer, y integer, at_vintage integer DEFAULT NULL,
    wanted_kind text DEFAULT NULL, wanted_category text DEFAULT NULL, wanted_licence text DEFAULT NULL,
    in_commune text DEFAULT NULL, in_department text DEFAULT NULL, take_finished boolean DEFAULT true,
    OUT finished bytea, OUT made bytea)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    copy record;
    one text;
    part bytea;
BEGIN
    made := '';
    IF layer <> 'places' THEN
        SELECT * INTO copy FROM tile_copy(z, at_vintage);
        FOREACH one IN ARRAY CASE layer WHEN 'all' THEN ARRAY['communes', 'departments'] ELSE ARRAY[layer] END LOOP
            IF take_finished AND one = ANY (copy.finished) THEN  -- at most one at any zoom
                SELECT t.packed INTO finished FROM finished_tile AS t
                WHERE t.vintage_id = copy.vintage_id AND t.layer = one
                  AND t.z = tile_parts.z AND t.x = tile_parts.x AND t.y = tile_parts.y;
                CONTINUE WHEN FOUND;
            END IF;
            made := made || limits_mvt(one, copy.vintage_id, copy.vintage, copy.communes, copy.from_zoom, copy.is_on_grid, z, x, y);
        END LOOP;
    END IF;
    IF layer IN ('places', 'all') THEN
        SELECT ST_AsMVT(f, 'places', 4096, 'geom', 'fid') INTO part
        FROM (SELECT p.fid, p.id::text, p.kind, p.category, p.name, p.source, p.licence, p.commune_code, p.point_count,
                     p.merchants, p.services, p.associations, p.projects, p.cluster_id, p.expansion_zoom, p.geom
              FROM published.place_features(z, x, y, wanted_kind, wanted_category, wanted_licence, in_commune, in_department) AS p) AS f;
        made := made || part;
    END IF;
END
$$;

-- A feature of the layer of places, as tile_parts puts it into a tile.
CREATE TYPE geoplatform.place_feature AS (
    fid bigint, id text, kind text, category text, name text, source text, licence text, commune_code text, point_count integer,
    merchants integer, services integer, associations integer, projects integer, cluster_id bigint, expansion_zoom integer, geom geometry
);

-- Every tile of a zoom with places of one licence, the very bytes of tile_parts, in one statement in place of one a tile: its number
-- (x and y interleaved) and its bytes. NULL bytes where very many places are in one tile: that one is to be asked for alone.
CREATE FUNCTION published.place_tiles(z integer, wanted_licence text) RETURNS TABLE (tile bigint, made bytea)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    too_many CONSTANT integer := 1900;  -- fewer than place_features allows: its box is a metre wider
    unit double precision := tile_unit(z);
    origin double precision := 20037508.342789244 / unit;
    side bigint := 1::bigint << z;
    active integer;
    policy record;
    single_from integer;
    shift integer;
    inside integer;
BEGIN
    SELECT v.id INTO active FROM vintage AS v WHERE v.state = 'active';
    SELECT p.places, least(p.level, 25) AS level INTO policy FROM zoom_policy AS p WHERE p.zoom = z;
    IF policy.places = 'single' THEN
        RETURN QUERY
        WITH shown AS MATERIALIZED (
            SELECT p.id, tile_id(p.id) AS number, p.kind, p.category, p.name, p.source, p.licence, l.commune_code,
                   p.shown_quadkey >> (62 - 2 * z) AS tile,
                   every_second_bit(p.shown_quadkey >> (50 - 2 * z)) AS cell_x, every_second_bit(p.shown_quadkey >> (51 - 2 * z)) AS cell_y,
                   ST_X(p.shown_geom_3857) AS at_x, ST_Y(p.shown_geom_3857) AS at_y
            FROM place AS p JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = active
            WHERE p.shown_quadkey IS NOT NULL AND p.licence = wanted_licence
        ), placed AS (
            SELECT s.*, s.cell_x >> 6 AS across, s.cell_y >> 6 AS down FROM shown AS s
            UNION ALL  -- a cell is as wide as the margin of a tile: one place may be in three other tiles
            SELECT s.id, s.number, s.kind, s.category, s.name, s.source, s.licence, s.commune_code, interleaved(across, down), s.cell_x,
                   s.cell_y, s.at_x, s.at_y, across, down
            FROM shown AS s
            CROSS JOIN LATERAL generate_series(greatest(0, (s.cell_x - 2) >> 6), least(side - 1, (s.cell_x + 2) >> 6)) AS across
            CROSS JOIN LATERAL generate_series(greatest(0, (s.cell_y - 2) >> 6), least(side - 1, (s.cell_y + 2) >> 6)) AS down
            CROSS JOIN LATERAL (SELECT published.tile_reach(z, across::integer, down::integer) AS reach OFFSET 0) AS r
            WHERE ((s.cell_x & 63) NOT BETWEEN 2 AND 61 OR (s.cell_y & 63) NOT BETWEEN 2 AND 61)
              AND (across <> s.cell_x >> 6 OR down <> s.cell_y >> 6)
              AND s.at_x BETWEEN ST_XMin(r.reach) AND ST_XMax(r.reach) AND s.at_y BETWEEN ST_YMin(r.reach) AND ST_YMax(r.reach)
        )
        SELECT f.tile, CASE WHEN count(*) <= too_many THEN ST_AsMVT(f.feature, 'places', 4096, 'geom', 'fid') END
        FROM (SELECT p.tile, ROW(p.number, p.id, p.kind, p.category, p.name, p.source, p.licence, p.commune_code, 1,
                                 (p.kind = 'merchant')::integer, (p.kind = 'service')::integer, (p.kind = 'association')::integer,
                                 (p.kind = 'project')::integer, NULL, NULL,
                                 ST_Point(round(p.at_x / unit - (p.across::integer * 4096.0 - origin)),
                                          round(-p.at_y / unit - (p.down::integer * 4096.0 - origin))))::place_feature AS feature
              FROM placed AS p ORDER BY p.tile, p.number, p.id) AS f
        GROUP BY f.tile;
        RETURN;
    END IF;
    SELECT min(p.zoom) INTO single_from FROM zoom_policy AS p WHERE p.places = 'single';
    shift := 62 - 2 * policy.level;
    inside := 2 * (policy.level - z);
    RETURN QUERY
    WITH cells AS MATERIALIZED (
        SELECT p.shown_quadkey >> shift AS cell, count(*)::integer AS places,
               count(*) FILTER (WHERE p.kind = 'merchant')::integer AS merchants,
               count(*) FILTER (WHERE p.kind = 'service')::integer AS services,
               count(*) FILTER (WHERE p.kind = 'association')::integer AS associations,
               count(*) FILTER (WHERE p.kind = 'project')::integer AS projects,
               sum(round(100 * ST_X(p.shown_geom_3857))::bigint)::double precision AS sum_x,
               sum(round(100 * ST_Y(p.shown_geom_3857))::bigint)::double precision AS sum_y,
               min(p.shown_quadkey) AS first_key, max(p.shown_quadkey) AS last_key, min(p.fid) AS fid
        FROM place AS p WHERE p.shown_quadkey IS NOT NULL AND p.licence = wanted_licence GROUP BY 1
    ), tiles AS (
        SELECT t.tile, every_second_bit(t.tile)::integer * 4096.0 - origin AS left_x, every_second_bit(t.tile >> 1)::integer * 4096.0 - origin AS top_y
        FROM (SELECT DISTINCT c.cell >> inside AS tile FROM cells AS c) AS t
    ), groups AS (
        SELECT c.*, c.cell >> inside AS tile, (1::bigint << 52) + (1::bigint << 2 * policy.level) + c.cell AS id_of_cell,
               CASE WHEN c.first_key = c.last_key THEN 99
                    ELSE 32 - (length(ltrim((c.first_key # c.last_key)::bit(64)::text, '0')) + 1) / 2 END AS divided_at
        FROM cells AS c
    ), alone AS (  -- few at low zooms: one by one; most of all at high ones: all at once
        SELECT c.cell, s.*
        FROM cells AS c
        CROSS JOIN LATERAL (SELECT tile_id(p.id) AS number, p.id, p.kind, p.category, p.name, p.source, p.licence, l.commune_code
                            FROM place AS p LEFT JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = active
                            WHERE p.shown_quadkey = c.first_key AND p.fid = c.fid LIMIT 1) AS s
        WHERE z <= 10 AND c.places = 1
        UNION ALL
        SELECT c.cell, tile_id(p.id), p.id, p.kind, p.category, p.name, p.source, p.licence, l.commune_code
        FROM cells AS c
        JOIN place AS p ON p.fid = c.fid
        LEFT JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = active
        WHERE z > 10 AND c.places < 2
    )
    SELECT f.tile, ST_AsMVT(f.feature, 'places', 4096, 'geom', 'fid')
    FROM (SELECT g.tile,
                 ROW(coalesce(s.number, g.id_of_cell), s.id, s.kind, s.category, s.name, s.source, s.licence, s.commune_code,
                     g.places, g.merchants, g.services, g.associations, g.projects, CASE WHEN g.places > 1 THEN g.id_of_cell END,
                     CASE WHEN g.places = 1 THEN NULL
                          WHEN z < single_from THEN least(single_from, g.divided_at - policy.level + z)
                          WHEN g.divided_at <= 25 THEN g.divided_at - policy.level + z END,
                     ST_Point(round(g.sum_x / (100 * g.places) / unit - t.left_x), round(-g.sum_y / (100 * g.places) / unit - t.top_y))
                    )::place_feature AS feature
          FROM groups AS g JOIN tiles AS t USING (tile) LEFT JOIN alone AS s USING (cell)
          ORDER BY g.tile, coalesce(s.number, g.id_of_cell), s.id) AS f
    GROUP BY f.tile;
END
$$;

-- The whole tile, all of it made now. Arguments as of tile_parts.
CREATE FUNCTION published.tile_mvt(layer text, z integer, x integer, y integer, at_vintage integer DEFAULT NULL,
    wanted_kind text DEFAULT NULL, wanted_category text DEFAULT NULL, wanted_licence text DEFAULT NULL,
    in_commune text DEFAULT NULL, in_department text DEFAULT NULL) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT p.made FROM published.tile_parts(layer, z, x, y, at_vintage, wanted_kind, wanted_category, wanted_licence,
                                            in_commune, in_department, false) AS p
$$;

-- The tiles of a vintage that its loader finishes, staged or not, one after the other: layer and address, and what they hold.
CREATE FUNCTION geoplatform.tiles_to_finish(of_vintage integer)
RETURNS TABLE (layer text, z smallint, x integer, y integer, mvt bytea)
LANGUAGE sql STABLE
AS $$
    SELECT t.layer, t.z, t.x, t.y, made.mvt
    FROM (SELECT DISTINCT one.layer, p.zoom::smallint AS z, column_x AS x, row_y AS y, c.*
          FROM geoplatform.zoom_policy AS p
          CROSS JOIN LATERAL unnest(p.finished) AS one (layer)
          CROSS JOIN LATERAL geoplatform.copy_of(of_vintage, p.zoom) AS c
          JOIN geoplatform.drawing AS d ON d.vintage_id = of_vintage AND d.from_zoom = c.from_zoom AND d.level || 's' = one.layer
          CROSS JOIN LATERAL (SELECT 40075016.685578488 / (1 << p.zoom) AS side, (1 << p.zoom) - 1 AS last) AS grid
          CROSS JOIN LATERAL generate_series(
              greatest(0, floor((public.ST_XMin(d.geom) + 20037508.342789244) / grid.side - 1.0 / 64))::integer,
              least(grid.last, floor((public.ST_XMax(d.geom) + 20037508.342789244) / grid.side + 1.0 / 64))::integer) AS column_x
          CROSS JOIN LATERAL generate_series(
              greatest(0, floor((20037508.342789244 - public.ST_YMax(d.geom)) / grid.side - 1.0 / 64))::integer,
              least(grid.last, floor((20037508.342789244 - public.ST_YMin(d.geom)) / grid.side + 1.0 / 64))::integer) AS row_y) AS t
    CROSS JOIN LATERAL geoplatform.limits_mvt(t.layer, t.vintage_id, t.vintage, t.communes, t.from_zoom, t.is_on_grid, t.z, t.x, t.y)
        AS made (mvt)
    WHERE made.mvt <> ''
$$;

-- One feature's geometry from tile coordinates to GeoJSON: longitude/latitude, RFC 7946 winding, as many decimals as
-- a tile unit is worth at that zoom.
CREATE FUNCTION published.tile_geometry_json(tile_geom geometry, z integer, x integer, y integer) RETURNS json
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT public.ST_AsGeoJSON(
        public.ST_ForcePolygonCCW(public.ST_Transform(public.ST_SetSRID(
            public.ST_Affine(tile_geom, unit, 0, 0, -unit,
                             x * 4096.0 * unit - 20037508.342789244, 20037508.342789244 - y * 4096.0 * unit), 3857), 4326)),
        least(9, greatest(2, ceil(1.056 + z * 0.30103)::integer)), 0)::json
    FROM (SELECT 40075016.685578488 / (4096 * (1::bigint << z))) AS tile (unit)
$$;

-- Layers as a GeoJSON FeatureCollection (RFC 7946): the same features as in the vector tile. In `all`, whose layers number
-- their features each for itself, the property `layer` says of which one it is, and the identifier begins with it.
CREATE FUNCTION published.tile_geojson(layer text, z integer, x integer, y integer, at_vintage integer DEFAULT NULL,
    wanted_kind text DEFAULT NULL, wanted_category text DEFAULT NULL, wanted_licence text DEFAULT NULL,
    in_commune text DEFAULT NULL, in_department text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    collected CONSTANT text := $feature$
        SELECT string_agg(json_build_object(
            'type', 'Feature', 'id', %s, 'geometry', published.tile_geometry_json(f.geom, $1, $2, $3),
            'properties', jsonb_strip_nulls(to_jsonb(f) - 'geom' - 'fid')%s)::text, ',' ORDER BY f.fid)
        FROM published.%s AS f
    $feature$;
    layers CONSTANT text[] := ARRAY['communes', 'departments', 'places'];
    sources CONSTANT text[] := ARRAY['commune_features($1, $2, $3, $4)', 'department_features($1, $2, $3, $4)',
                                     'place_features($1, $2, $3, $5, $6, $7, $8, $9)'];
    whole text;
    part text;
BEGIN
    FOR number IN 1 .. 3 LOOP
        CONTINUE WHEN layer NOT IN (layers[number], 'all');
        EXECUTE format(collected,
                       CASE layer WHEN 'all' THEN format('%L || f.fid', layers[number] || '.') ELSE 'f.fid' END,
                       CASE layer WHEN 'all' THEN format(' || jsonb_build_object(''layer'', %L)', layers[number]) END,
                       sources[number])
        INTO part USING z, x, y, at_vintage, wanted_kind, wanted_category, wanted_licence, in_commune, in_department;
        whole := concat_ws(',', nullif(whole, ''), part);
    END LOOP;
    RETURN '{"type":"FeatureCollection","features":[' || coalesce(whole, '') || ']}';
END
$$;


-- Identifier of this installation of the database, on this server and since its last recovery: tiles kept elsewhere are of one
-- and no other.
CREATE FUNCTION published.installation_id() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = geoplatform, pg_temp
AS $$
    SELECT i.id::text || '-' || to_hex(s.system_identifier) || '-' || c.timeline_id
    FROM installation AS i, pg_control_system() AS s, pg_control_checkpoint() AS c
    ORDER BY i.schema_version DESC LIMIT 1
$$;

-- What was committed since a snapshot and touches tiles, beside this moment's own snapshot (one row at least, without layer
-- where there is nothing). Numbers are drawn before their transaction commits, so not they but snapshots tell what was seen.
CREATE FUNCTION published.tile_touches(since pg_snapshot)
RETURNS TABLE (moment text, latest bigint, seen_at timestamptz, layer text, quadkey bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    SELECT pg_current_snapshot()::text, (SELECT coalesce(max(m.seq), 0) FROM tile_touch AS m), now(), t.layer, t.quadkey
    FROM (VALUES (1)) AS one
    LEFT JOIN tile_touch AS t ON t.transaction_id >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(t.transaction_id, since)
$$;

-- Lowest zoom at which tiles show communes.
CREATE FUNCTION published.communes_from_zoom() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = geoplatform, pg_temp
AS $$ SELECT min(s.from_zoom)::integer FROM zoom_span AS s WHERE s.communes <> 'none' $$;

RESET ROLE;
