-- Tiles in Web Mercator (WebMercatorQuad). One function per layer makes the tile's features in tile coordinates
-- (0..4096, y down, margin 64); MVT and GeoJSON are two spellings of those same features.
SET ROLE geoplatform_owner;

-- Zooms below this show places as clusters, from it on one by one.
CREATE FUNCTION published.cluster_below_zoom() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 12 $$;

-- Envelope of a tile with its margin of 64/4096, EPSG:3857.
CREATE FUNCTION published.tile_reach(z integer, x integer, y integer) RETURNS geometry
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT public.ST_TileEnvelope(z, x, y, margin => 64.0 / 4096) $$;

-- Generalised limits of a level that a tile shows, in tile coordinates. at_vintage NULL: the active one; a staged or
-- unknown one gives no row.
CREATE FUNCTION published.drawn(wanted text, z integer, x integer, y integer, at_vintage integer)
RETURNS TABLE (vintage_id integer, vintage smallint, code text, geom geometry)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 100
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT shown.vintage_id, shown.year, shown.code, shown.tile_geom
    FROM (SELECT d.vintage_id, v.year, d.code, ST_AsMVTGeom(d.geom, ST_TileEnvelope(z, x, y), 4096, 64, true) AS tile_geom
          FROM drawing AS d JOIN vintage AS v ON v.id = d.vintage_id AND v.state <> 'staged'
          WHERE d.vintage_id = coalesce(at_vintage, (SELECT a.id FROM vintage AS a WHERE a.state = 'active'))
            AND d.level = wanted AND d.from_zoom = (SELECT max(from_zoom) FROM unnest(v.drawn_zooms) AS copies (from_zoom) WHERE from_zoom <= z)
            AND d.geom && (SELECT published.tile_reach(z, x, y))) AS shown
    WHERE shown.tile_geom IS NOT NULL
$$;

CREATE FUNCTION published.commune_features(z integer, x integer, y integer, at_vintage integer)
RETURNS TABLE (fid bigint, code text, name text, department_code text, population integer, vintage smallint, geom geometry)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT geoplatform.insee_fid(c.code), c.code, c.name, c.department_code, c.population, d.vintage, d.geom
    FROM published.drawn('commune', z, x, y, at_vintage) AS d
    JOIN commune AS c ON c.vintage_id = d.vintage_id AND c.code = d.code
    ORDER BY 1
$$;

CREATE FUNCTION published.department_features(z integer, x integer, y integer, at_vintage integer)
RETURNS TABLE (fid bigint, code text, name text, region_code text, vintage smallint, geom geometry)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT insee_fid(u.code), u.code, u.name, u.region_code, d.vintage, d.geom
    FROM published.drawn('department', z, x, y, at_vintage) AS d
    JOIN department AS u ON u.vintage_id = d.vintage_id AND u.code = d.code
    ORDER BY 1
$$;

-- Places, or below the clustering zoom one feature per cell, eight cells to a tile's side (64 pixels on a screen): a lone
-- place keeps its properties, several become a cluster at their centre with point_count and a count per kind. Nothing is
-- dropped, and each place is counted in one tile of a zoom only: cells have no margin.
CREATE FUNCTION published.place_features(z integer, x integer, y integer)
RETURNS TABLE (fid bigint, id uuid, kind text, category text, name text, source text, licence text, commune_code text,
               point_count integer, merchants integer, services integer, associations integer, projects integer, geom geometry)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
AS $$
    WITH near AS (
        SELECT p.fid, p.id, p.kind, p.category, p.name, p.source, p.licence, p.commune_code, p.geom_3857,
               CASE WHEN z >= published.cluster_below_zoom() THEN p.fid
                    ELSE floor((public.ST_X(p.geom_3857) + 20037508.342789244) / cell.side)::bigint END AS across,
               CASE WHEN z >= published.cluster_below_zoom() THEN 0
                    ELSE floor((20037508.342789244 - public.ST_Y(p.geom_3857)) / cell.side)::bigint END AS down
        FROM published.places AS p, (SELECT 40075016.685578488 / (1::bigint << z) / 8) AS cell (side)
        WHERE p.geom_3857 && published.tile_reach(z, x, y)
    ), grouped AS (
        SELECT min(n.fid) AS fid, count(*)::integer AS point_count,
               min(n.id::text)::uuid AS id, min(n.kind) AS kind, min(n.category) AS category, min(n.name) AS name,
               min(n.source) AS source, min(n.licence) AS licence, min(n.commune_code) AS commune_code,
               count(*) FILTER (WHERE n.kind = 'merchant')::integer AS merchants,
               count(*) FILTER (WHERE n.kind = 'service')::integer AS services,
               count(*) FILTER (WHERE n.kind = 'association')::integer AS associations,
               count(*) FILTER (WHERE n.kind = 'project')::integer AS projects,
               public.ST_SetSRID(public.ST_MakePoint(avg(public.ST_X(n.geom_3857)), avg(public.ST_Y(n.geom_3857))), 3857) AS centre
        FROM near AS n
        WHERE z >= published.cluster_below_zoom()
           OR (least(n.across / 8, (1 << z) - 1) = x AND least(n.down / 8, (1 << z) - 1) = y)
        GROUP BY n.across, n.down
    )
    SELECT g.fid,
           CASE WHEN g.point_count = 1 THEN g.id END,
           CASE WHEN g.point_count = 1 THEN g.kind END,
           CASE WHEN g.point_count = 1 THEN g.category END,
           CASE WHEN g.point_count = 1 THEN g.name END,
           CASE WHEN g.point_count = 1 THEN g.source END,
           CASE WHEN g.point_count = 1 THEN g.licence END,
           CASE WHEN g.point_count = 1 THEN g.commune_code END,
           g.point_count, g.merchants, g.services, g.associations, g.projects,
           public.ST_AsMVTGeom(g.centre, public.ST_TileEnvelope(z, x, y), 4096, 64, true)
    FROM grouped AS g
    WHERE public.ST_AsMVTGeom(g.centre, public.ST_TileEnvelope(z, x, y), 4096, 64, true) IS NOT NULL
    ORDER BY g.fid
$$;

-- A layer as Mapbox Vector Tile 2.1; empty bytes where nothing lies. at_vintage: number of a vintage, for the layers of limits;
-- NULL is the active one.
CREATE FUNCTION published.tile_mvt(layer text, z integer, x integer, y integer, at_vintage integer DEFAULT NULL) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE layer
        WHEN 'communes' THEN (SELECT public.ST_AsMVT(f, 'communes', 4096, 'geom', 'fid')
                              FROM (SELECT * FROM published.commune_features(z, x, y, at_vintage) ORDER BY fid) AS f)
        WHEN 'departments' THEN (SELECT public.ST_AsMVT(f, 'departments', 4096, 'geom', 'fid')
                                 FROM (SELECT * FROM published.department_features(z, x, y, at_vintage) ORDER BY fid) AS f)
        WHEN 'places' THEN (SELECT public.ST_AsMVT(f, 'places', 4096, 'geom', 'fid')
                            FROM (SELECT fid, id::text, kind, category, name, source, licence, commune_code, point_count,
                                         merchants, services, associations, projects, geom
                                  FROM published.place_features(z, x, y) ORDER BY fid) AS f)
    END
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
        least(9, greatest(3, 2 + ceil(z * 0.30103)::integer)), 0)::json
    FROM (SELECT 40075016.685578488 / (4096 * (1::bigint << z))) AS tile (unit)
$$;

-- A layer as a GeoJSON FeatureCollection (RFC 7946): the same features as its vector tile.
CREATE FUNCTION published.tile_geojson(layer text, z integer, x integer, y integer, at_vintage integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH feature (fid, geometry, properties) AS (
        SELECT f.fid, published.tile_geometry_json(f.geom, z, x, y), to_jsonb(f) - 'geom' - 'fid'
        FROM published.commune_features(z, x, y, at_vintage) AS f WHERE layer = 'communes'
        UNION ALL
        SELECT f.fid, published.tile_geometry_json(f.geom, z, x, y), to_jsonb(f) - 'geom' - 'fid'
        FROM published.department_features(z, x, y, at_vintage) AS f WHERE layer = 'departments'
        UNION ALL
        SELECT f.fid, published.tile_geometry_json(f.geom, z, x, y), jsonb_strip_nulls(to_jsonb(f) - 'geom' - 'fid')
        FROM published.place_features(z, x, y) AS f WHERE layer = 'places'
    )
    SELECT '{"type":"FeatureCollection","features":['
        || coalesce(string_agg(json_build_object('type', 'Feature', 'id', fid, 'geometry', geometry, 'properties', properties)::text,
                               ',' ORDER BY fid), '')
        || ']}'
    FROM feature
$$;

RESET ROLE;
