-- The write path of the web for places that are there: modify and withdraw, by whoever holds an operator's key. Only what
-- citizens contributed: registers and demonstration places come and go with their loaders.
SET ROLE geoplatform_owner;

-- What may stand in the way, else NULL; locks the place. expected: version the caller saw, NULL for any.
CREATE FUNCTION geoplatform.objection_to_edit(of_place uuid, expected integer) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = geoplatform, pg_temp
AS $$
DECLARE
    there record;
BEGIN
    SELECT p.source, p.version INTO there FROM place AS p
    WHERE p.id = of_place AND is_item(p.status, p.visibility, p.licence) FOR UPDATE;
    RETURN CASE WHEN NOT FOUND THEN 'unknown'
                WHEN there.source <> 'citizen' THEN 'foreign'
                WHEN there.version <> expected THEN 'outdated' END;
END
$$;

-- Gives a place another content; its position too, unless lon and lat (degrees, EPSG:4326) are NULL. An address that the editor
-- was not shown, because the place is shown at commune level, stays unless he gives another. It is placed anew on every
-- vintage whose places are kept placed, and the change is logged with both positions.
-- Returns NULL, or why nothing was done: unknown, foreign (not a citizen's), outdated (another version than expected).
-- 23503 (place_category_of_its_kind) for an unknown category.
CREATE FUNCTION published.modify_place(
    of_place uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, licence text, visibility text, lon double precision, lat double precision,
    actor text, modified_at timestamptz, expected integer)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    objection text := objection_to_edit(of_place, expected);
    active integer := active_vintage();
    new_version integer;
    old_geom geometry;
    new_geom geometry;
    old_commune text;
BEGIN
    IF objection IS NOT NULL THEN
        RETURN objection;
    END IF;
    SELECT p.geom, l.commune_code INTO old_geom, old_commune
    FROM place AS p LEFT JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = active WHERE p.id = of_place;
    new_geom := coalesce(ST_SetSRID(ST_MakePoint(lon, lat), 4326), old_geom);
    UPDATE place AS p
    SET kind = modify_place.kind, category = modify_place.category, name = modify_place.name,
        description = modify_place.description,
        address = CASE WHEN p.visibility = 'public' THEN modify_place.address ELSE coalesce(modify_place.address, p.address) END, phone = modify_place.phone,
        website = modify_place.website, opening_hours = modify_place.opening_hours, licence = modify_place.licence,
        visibility = coalesce(modify_place.visibility, p.visibility), geom = new_geom, version = p.version + 1,
        modified_at = modify_place.modified_at
    WHERE p.id = of_place
    RETURNING p.version INTO new_version;
    IF NOT ST_Equals(old_geom, new_geom) THEN
        DELETE FROM placement AS l USING vintage AS v WHERE l.place_id = of_place AND l.vintage_id = v.id AND v.is_placed;
        INSERT INTO placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT of_place, v.id, judged.verdict, judged.method, judged.commune_code, judged.distance_m
        FROM vintage AS v CROSS JOIN LATERAL place_point(new_geom, v.id) AS judged
        WHERE v.is_placed;
    END IF;
    INSERT INTO change (operation, place_id, version, occurred_at, actor, commune_code_before, commune_code_after, geom_before, geom_after)
    SELECT 'modify', of_place, new_version, modify_place.modified_at, modify_place.actor, old_commune, l.commune_code, old_geom, new_geom
    FROM placement AS l WHERE l.place_id = of_place AND l.vintage_id = active;
    RETURN NULL;
END
$$;

-- Withdraws a place: nobody sees it any more, and the log says that it went. Returns as modify_place does.
CREATE FUNCTION published.withdraw_place(of_place uuid, actor text, withdrawn_at timestamptz, expected integer) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    objection text := objection_to_edit(of_place, expected);
    new_version integer;
    old_geom geometry;
BEGIN
    IF objection IS NOT NULL THEN
        RETURN objection;
    END IF;
    UPDATE place AS p SET status = 'deleted', version = p.version + 1, modified_at = withdrawn_at
    WHERE p.id = of_place RETURNING p.version, p.geom INTO new_version, old_geom;
    INSERT INTO change (operation, place_id, version, occurred_at, actor, commune_code_before, geom_before)
    SELECT 'delete', of_place, new_version, withdrawn_at, withdraw_place.actor, l.commune_code, old_geom
    FROM placement AS l WHERE l.place_id = of_place AND l.vintage_id = active_vintage();
    RETURN NULL;
END
$$;

RESET ROLE;
