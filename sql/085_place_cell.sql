-- What each write leaves for the tiles: groups of places for low zooms, and which tiles are not as they were. Triggers of each
-- statement see to both, so that no way of writing a place can forget it.
SET ROLE geoplatform_owner;

-- Places by cell, for each zoom that the policy says is kept. A cell is a tile cell_bits zooms deeper: the first
-- 2·(zoom + cell_bits) bits of the quadkey. Sums are whole centimetres of EPSG:3857, so that no order of adding shows.
CREATE TABLE geoplatform.place_cell (
    zoom smallint NOT NULL,
    cell bigint NOT NULL,
    kind text NOT NULL,
    places integer NOT NULL,
    items integer NOT NULL,
    sum_x bigint NOT NULL,
    sum_y bigint NOT NULL,
    PRIMARY KEY (zoom, cell, kind)
) WITH (fillfactor = 90);
COMMENT ON TABLE geoplatform.place_cell IS 'How many places of each kind lie in each cell of each low zoom, but for place_cell_delta.';
COMMENT ON COLUMN geoplatform.place_cell.items IS 'How many of them lists and downloads hold: those that are not for display only.';
CREATE INDEX place_cell_items ON geoplatform.place_cell (zoom, cell) INCLUDE (items);  -- numbers of lists
CREATE INDEX place_cell_empty ON geoplatform.place_cell (zoom) WHERE places = 0;  -- swept when deltas are folded

-- What came and went since: added to place_cell by fold_place_cells, so that no two writers wait for the same cell.
CREATE TABLE geoplatform.place_cell_delta (
    quadkey bigint NOT NULL,
    kind text NOT NULL,
    places smallint NOT NULL CHECK (places IN (-1, 1)),
    items smallint NOT NULL CHECK (items IN (places, 0)),
    x bigint NOT NULL,
    y bigint NOT NULL
);
COMMENT ON TABLE geoplatform.place_cell_delta IS 'Places that came (1) or went (-1) since place_cell was brought up to date.';

-- Which tiles are not as they were: read and acted upon by whoever keeps copies of tiles (geoplatform.tiles).
CREATE TABLE geoplatform.tile_touch (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    touched_at timestamptz NOT NULL DEFAULT now(),
    layer text NOT NULL CHECK (layer IN ('limits', 'places')),
    quadkey bigint
);
COMMENT ON TABLE geoplatform.tile_touch IS 'Changes that show in tiles: of a place at a quadkey, or of a whole layer where it is NULL.';
CREATE INDEX tile_touch_transaction ON geoplatform.tile_touch (transaction_id);  -- those not seen before

-- Adds what came and went to the cells. One at a time; who finds another at it leaves it to him, unless `wait`.
CREATE FUNCTION geoplatform.fold_place_cells(wait boolean) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET work_mem = '64MB'
AS $$
DECLARE
    lock_number CONSTANT integer := 1734503523;  -- "gcel"
    kept record;
    deeper integer;
    steps text := '';
    parts text := '';
BEGIN
    IF wait THEN
        PERFORM pg_advisory_xact_lock(lock_number);
    ELSIF NOT pg_try_advisory_xact_lock(lock_number) THEN
        RETURN;
    END IF;
    -- Each zoom from the next deeper one: the places themselves are grouped once, by the smallest cells.
    FOR kept IN SELECT zoom, level FROM zoom_policy WHERE places = 'kept' ORDER BY zoom DESC LOOP
        steps := steps || CASE WHEN deeper IS NULL
            THEN format(', cells_%s AS MATERIALIZED (SELECT quadkey >> (62 - 2 * %1$s) AS cell, kind, sum(places)::integer AS places, '
                        'sum(items)::integer AS items, sum(places * x)::bigint AS sum_x, sum(places * y)::bigint AS sum_y FROM taken GROUP BY 1, 2)', kept.level)
            ELSE format(', cells_%s AS MATERIALIZED (SELECT cell >> (2 * (%s - %1$s)) AS cell, kind, sum(places)::integer AS places, '
                        'sum(items)::integer AS items, sum(sum_x)::bigint AS sum_x, sum(sum_y)::bigint AS sum_y FROM cells_%2$s GROUP BY 1, 2)', kept.level, deeper) END;
        parts := parts || format(' UNION ALL SELECT %s, * FROM cells_%s', kept.zoom, kept.level);
        deeper := kept.level;
    END LOOP;
    EXECUTE format('WITH taken AS (DELETE FROM place_cell_delta RETURNING *)%s '
                   'INSERT INTO place_cell AS c (zoom, cell, kind, places, items, sum_x, sum_y) %s '
                   'ON CONFLICT (zoom, cell, kind) DO UPDATE SET places = c.places + EXCLUDED.places, items = c.items + EXCLUDED.items, '
                   'sum_x = c.sum_x + EXCLUDED.sum_x, sum_y = c.sum_y + EXCLUDED.sum_y',
                   steps, substr(parts, 12));
    DELETE FROM place_cell AS c WHERE c.places = 0;
    DELETE FROM tile_touch AS t WHERE t.touched_at < now() - interval '2 days';  -- who has not looked for so long begins anew
END
$$;

-- After a statement that wrote places: the deltas of those that tiles show or showed, and the tiles it touches.
CREATE FUNCTION geoplatform.note_places() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    many CONSTANT integer := 1000;
    noted bigint := 0;
    part bigint;
    latest bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (
            SELECT FROM gone AS g FULL JOIN come AS c ON c.id = g.id
            WHERE (g.shown_quadkey, g.shown_geom_3857, g.kind, g.category, g.name, g.source, g.licence)
                  IS DISTINCT FROM (c.shown_quadkey, c.shown_geom_3857, c.kind, c.category, c.name, c.source, c.licence))
        THEN
            RETURN NULL;  -- nothing that a tile shows
        END IF;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO place_cell_delta (quadkey, kind, places, items, x, y)
        SELECT g.shown_quadkey, g.kind, -1, CASE WHEN is_item(g.status, g.visibility, g.licence) THEN -1 ELSE 0 END,
               round(100 * ST_X(g.shown_geom_3857)), round(100 * ST_Y(g.shown_geom_3857))
        FROM gone AS g WHERE g.shown_quadkey IS NOT NULL;
        GET DIAGNOSTICS part = ROW_COUNT;
        noted := noted + part;
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        INSERT INTO place_cell_delta (quadkey, kind, places, items, x, y)
        SELECT c.shown_quadkey, c.kind, 1, CASE WHEN is_item(c.status, c.visibility, c.licence) THEN 1 ELSE 0 END,
               round(100 * ST_X(c.shown_geom_3857)), round(100 * ST_Y(c.shown_geom_3857))
        FROM come AS c WHERE c.shown_quadkey IS NOT NULL;
        GET DIAGNOSTICS part = ROW_COUNT;
        noted := noted + part;
    END IF;
    IF noted = 0 THEN
        RETURN NULL;
    ELSIF noted > many THEN
        INSERT INTO tile_touch (layer) VALUES ('places');
        PERFORM fold_place_cells(true);
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        WITH touched AS (INSERT INTO tile_touch (layer, quadkey)
                         SELECT DISTINCT 'places', c.shown_quadkey FROM come AS c WHERE c.shown_quadkey IS NOT NULL RETURNING seq)
        SELECT max(t.seq) INTO latest FROM touched AS t;
    ELSIF TG_OP = 'DELETE' THEN
        WITH touched AS (INSERT INTO tile_touch (layer, quadkey)
                         SELECT DISTINCT 'places', g.shown_quadkey FROM gone AS g WHERE g.shown_quadkey IS NOT NULL RETURNING seq)
        SELECT max(t.seq) INTO latest FROM touched AS t;
    ELSE
        WITH touched AS (INSERT INTO tile_touch (layer, quadkey)
                         SELECT 'places', spot.quadkey
                         FROM (SELECT g.shown_quadkey FROM gone AS g UNION SELECT c.shown_quadkey FROM come AS c) AS spot (quadkey)
                         WHERE spot.quadkey IS NOT NULL RETURNING seq)
        SELECT max(t.seq) INTO latest FROM touched AS t;
    END IF;
    IF latest % 500 < noted THEN  -- now and then, and by one of many writers
        PERFORM fold_place_cells(false);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER place_come AFTER INSERT ON geoplatform.place
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.note_places();
CREATE TRIGGER place_gone AFTER DELETE ON geoplatform.place
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.note_places();
CREATE TRIGGER place_changed AFTER UPDATE ON geoplatform.place
    REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.note_places();

CREATE FUNCTION geoplatform.note_no_places() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    TRUNCATE place_cell, place_cell_delta;
    INSERT INTO tile_touch (layer) VALUES ('places');
    RETURN NULL;
END
$$;
CREATE TRIGGER place_emptied AFTER TRUNCATE ON geoplatform.place
    FOR EACH STATEMENT EXECUTE FUNCTION geoplatform.note_no_places();

-- Another vintage in force: every tile may show other limits, and places other communes.
CREATE FUNCTION geoplatform.note_vintage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    INSERT INTO tile_touch (layer) VALUES ('limits'), ('places');
    RETURN NULL;
END
$$;
CREATE TRIGGER vintage_state AFTER UPDATE OF state ON geoplatform.vintage
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION geoplatform.note_vintage();
CREATE TRIGGER vintage_gone AFTER DELETE ON geoplatform.vintage
    FOR EACH ROW WHEN (OLD.state <> 'staged') EXECUTE FUNCTION geoplatform.note_vintage();

RESET ROLE;
