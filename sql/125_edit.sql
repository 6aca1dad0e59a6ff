-- The write path for places that are there: by an operator's key any citizen's place that lists hold, by a citizen those that he or she
-- keeps. Registers and demonstration places come and go with their loaders.
SET ROLE geoplatform_owner;

-- A line of the change log for the version that a place has now. was_public: whether the public saw it before; old_geom: the position that
-- it saw, NULL for none; old_commune: where it lay. Where it is seen for the first time is where it was entered, for the public.
CREATE FUNCTION geoplatform.log_change(of_place uuid, was_public boolean, old_geom geometry, old_commune text, actor text, by_citizen uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    p record;
    operation text;
BEGIN
    SELECT q.version, q.modified_at, q.shown_geom, is_public(q.status, q.visibility) AS shown, l.commune_code INTO p
    FROM place AS q LEFT JOIN placement AS l ON l.place_id = q.id AND l.vintage_id = active_vintage() WHERE q.id = of_place;
    IF by_citizen IS NOT NULL THEN
        INSERT INTO people.author (place_id, version, citizen_id) VALUES (of_place, p.version, by_citizen);
    END IF;
    operation := CASE WHEN was_public AND NOT p.shown THEN 'delete' WHEN p.shown AND NOT was_public THEN 'create' ELSE 'modify' END;
    IF operation = 'create' AND NOT EXISTS (SELECT FROM change AS l WHERE l.place_id = of_place AND l.is_told) THEN
        UPDATE place AS q SET commune_code_at_entry = p.commune_code
        WHERE q.id = of_place AND q.commune_code_at_entry IS DISTINCT FROM p.commune_code;
    END IF;
    INSERT INTO change (operation, place_id, version, occurred_at, actor, is_told, commune_code_before, commune_code_after, geom_before, geom_after)
    VALUES (operation, of_place, p.version, p.modified_at, log_change.actor, was_public OR p.shown,
            CASE WHEN operation <> 'create' THEN old_commune END, CASE WHEN operation <> 'delete' THEN p.commune_code END,
            CASE WHEN was_public THEN old_geom END, CASE WHEN p.shown THEN p.shown_geom END);
END
$$;

-- Gives a place another status, as a version of its own. What was deleted is brought back by restore_version alone.
CREATE FUNCTION geoplatform.set_status(of_place uuid, new_status text, at timestamptz, actor text, by_citizen uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    p record;
BEGIN
    SELECT q.status, is_public(q.status, q.visibility) AS shown, q.shown_geom, l.commune_code INTO p
    FROM place AS q LEFT JOIN placement AS l ON l.place_id = q.id AND l.vintage_id = active_vintage() WHERE q.id = of_place FOR UPDATE OF q;
    IF NOT FOUND OR p.status = new_status OR (p.status = 'deleted' AND actor = 'referent') THEN
        RETURN;
    END IF;
    UPDATE place AS q SET status = new_status, version = q.version + 1, modified_at = set_status.at WHERE q.id = of_place;
    PERFORM log_change(of_place, p.shown, p.shown_geom, p.commune_code, actor, by_citizen);
END
$$;

-- What may stand in the way of a change, raised; locks the place. expected: version the caller saw, NULL for any.
-- GP404 for a place that the caller cannot see, GP403 for one that is not his or hers, GP412 for another version.
CREATE FUNCTION geoplatform.require_editable(of_place uuid, citizen uuid, expected integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = geoplatform, pg_temp
AS $$
DECLARE
    there record;
    keeps boolean;
BEGIN
    SELECT p.source, p.version, p.status, is_item(p.status, p.visibility, p.licence) AS listed,
           is_public(p.status, p.visibility) AS shown, l.commune_code INTO there
    FROM place AS p
    LEFT JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = (SELECT v.id FROM vintage AS v WHERE v.state = 'active')
    WHERE p.id = of_place FOR UPDATE OF p;
    keeps := FOUND AND citizen IS NOT NULL
             AND (EXISTS (SELECT FROM people.keeper AS k WHERE k.place_id = of_place AND k.citizen_id = citizen)
                  OR (there.shown AND people.decides(citizen, there.commune_code)));
    IF there IS NULL OR there.status = 'deleted' OR NOT (keeps OR ((citizen IS NULL AND there.listed) OR (citizen IS NOT NULL AND there.shown))) THEN
        PERFORM people.refuse(404, 'unknown_place', jsonb_build_object('identifier', of_place));
    ELSIF there.source <> 'citizen' THEN
        PERFORM people.refuse(403, 'not_of_citizens', jsonb_build_object('place', of_place));
    ELSIF citizen IS NOT NULL AND NOT keeps THEN
        PERFORM people.refuse(403, 'suggest_instead');
    ELSIF citizen IS NOT NULL AND there.status = 'hidden' THEN
        PERFORM people.refuse(403, 'hidden');
    ELSIF there.version <> expected THEN
        PERFORM people.refuse(412, 'changed_since', jsonb_build_object('place', of_place, 'version', expected));
    END IF;
END
$$;

-- Gives a place another content; its position too, unless lon and lat (degrees, EPSG:4326) are NULL. Licence and visibility stay where they
-- are NULL. knows_all: whether who changes it was shown all of it; else an address that the public is not shown stays unless another is given. It is placed anew on every
-- vintage whose places are kept placed, and the change is logged with both positions. Returns the new version.
-- Errors as of require_editable; 23503 (place_category_of_its_kind) for an unknown category.
CREATE FUNCTION geoplatform.change_place(
    of_place uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, stage text, starts_on date, ends_on date, licence text, visibility text,
    lon double precision, lat double precision, modified_at timestamptz, actor text, by_citizen uuid, knows_all boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = geoplatform, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    active integer := active_vintage();
    old record;
    new_version integer;
    new_geom geometry;
BEGIN
    SELECT p.geom, p.shown_geom, l.commune_code, is_public(p.status, p.visibility) AS shown INTO old
    FROM place AS p LEFT JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = active WHERE p.id = of_place;
    new_geom := coalesce(ST_SetSRID(ST_MakePoint(lon, lat), 4326), old.geom);
    UPDATE place AS p
    SET kind = change_place.kind, category = change_place.category, name = change_place.name,
        description = change_place.description,
        address = CASE WHEN p.visibility = 'public' OR change_place.knows_all THEN change_place.address
                       ELSE coalesce(change_place.address, p.address) END,
        phone = change_place.phone, website = change_place.website, opening_hours = change_place.opening_hours,
        stage = change_place.stage, starts_on = change_place.starts_on, ends_on = change_place.ends_on,
        licence = coalesce(change_place.licence, p.licence), visibility = coalesce(change_place.visibility, p.visibility), geom = new_geom,
        version = p.version + 1, modified_at = change_place.modified_at
    WHERE p.id = of_place
    RETURNING p.version INTO new_version;
    IF NOT ST_Equals(old.geom, new_geom) THEN
        DELETE FROM placement AS l USING vintage AS v WHERE l.place_id = of_place AND l.vintage_id = v.id AND v.is_placed;
        INSERT INTO placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT of_place, v.id, judged.verdict, judged.method, judged.commune_code, judged.distance_m
        FROM vintage AS v CROSS JOIN LATERAL place_point(new_geom, v.id) AS judged
        WHERE v.is_placed;
    END IF;
    PERFORM log_change(of_place, old.shown, old.shown_geom, old.commune_code, change_place.actor, change_place.by_citizen);
    RETURN new_version;
END
$$;

-- Licence and visibility are turned by who keeps the place, or by a program where nobody does. What a new account moves into a commune where
-- a referent looks at such things first waits for him.
CREATE FUNCTION citizens.modify_place(
    key bytea, of_place uuid, kind text, category text, name text, description text, address text, phone text, website text,
    opening_hours text, stage text, starts_on date, ends_on date, licence text, visibility text,
    lon double precision, lat double precision, modified_at timestamptz, expected integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    caller people.caller := people.writer(key, modified_at);
    keeps boolean;
    old_commune text;
    contributor uuid;
    new_version integer;
BEGIN
    PERFORM require_editable(of_place, caller.citizen_id, expected);
    keeps := EXISTS (SELECT FROM people.keeper AS k WHERE k.place_id = of_place AND k.citizen_id = caller.citizen_id);
    IF NOT keeps AND EXISTS (SELECT FROM people.author AS a WHERE a.place_id = of_place) THEN
        licence := NULL;
        visibility := NULL;
    END IF;
    old_commune := people.commune_of(of_place);
    new_version := change_place(of_place, kind, category, name, description, address, phone, website, opening_hours, stage, starts_on, ends_on,
                                licence, visibility, lon, lat, modified_at, coalesce(caller.label, 'citizen'), caller.citizen_id, keeps);
    SELECT a.citizen_id INTO contributor FROM people.author AS a WHERE a.place_id = of_place AND a.version = 1;
    IF contributor = caller.citizen_id AND people.commune_of(of_place) IS DISTINCT FROM old_commune
       AND (SELECT p.status FROM place AS p WHERE p.id = of_place) = 'published' AND people.needs_look(contributor, people.commune_of(of_place))
       AND NOT EXISTS (SELECT FROM people.matter AS m WHERE m.place_id = of_place AND m.kind = 'first')
    THEN
        INSERT INTO people.matter (id, kind, place_id, commune_code, opened_by, opened_at)
        VALUES (gen_random_uuid(), 'first', of_place, people.commune_of(of_place), contributor, modified_at);
        PERFORM set_status(of_place, 'held', modified_at, 'citizen', contributor);
        new_version := new_version + 1;
    END IF;
    RETURN new_version;
END
$$;

-- Puts places that the caller keeps under another licence: all of them or none. Returns how many had another one.
-- Errors as of modify_place; GP403 for one that somebody else keeps.
CREATE FUNCTION citizens.relicense(key bytea, at timestamptz, wanted uuid[], new_licence text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    caller people.caller := people.writer(key, at);
    one uuid;
    p record;
    done integer := 0;
BEGIN
    FOR one IN SELECT DISTINCT w.id FROM unnest(wanted) AS w (id) ORDER BY w.id LOOP
        PERFORM require_editable(one, caller.citizen_id, NULL);
        IF caller.citizen_id IS NULL OR NOT people.keeps(caller.citizen_id, one) THEN
            PERFORM people.refuse(403, 'not_kept', jsonb_build_object('place', one));
        END IF;
        SELECT q.licence, is_public(q.status, q.visibility) AS shown, q.shown_geom INTO p FROM place AS q WHERE q.id = one;
        IF p.licence <> new_licence THEN
            UPDATE place AS q SET licence = new_licence, version = q.version + 1, modified_at = relicense.at WHERE q.id = one;
            PERFORM log_change(one, p.shown, p.shown_geom, people.commune_of(one), 'citizen', caller.citizen_id);
            done := done + 1;
        END IF;
    END LOOP;
    RETURN done;
END
$$;

-- Deletes a place: nobody sees it any more, and the log says that it went. A place of somebody else takes a decision of two referents
-- instead. Errors as of modify_place.
CREATE FUNCTION citizens.delete_place(key bytea, of_place uuid, at timestamptz, expected integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    caller people.caller := people.caller(key, at, 'contribute');
BEGIN
    PERFORM require_editable(of_place, caller.citizen_id, expected);
    IF caller.citizen_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM people.keeper AS k WHERE k.place_id = of_place AND k.citizen_id = caller.citizen_id)
    THEN
        PERFORM people.refuse(403, 'report_instead');
    END IF;
    PERFORM set_status(of_place, 'deleted', at, coalesce(caller.label, 'citizen'), caller.citizen_id);
    UPDATE people.matter AS m SET state = 'withdrawn' WHERE m.place_id = of_place AND m.state IN ('open', 'seconding');
    PERFORM purge(at, 20);  -- whoever deletes sweeps after others
END
$$;

-- Brings an earlier version of a place back as a new one; of a deleted place its keeper, as long as deleted places are kept.
-- Returns the new version. GP404 for no such version; GP403 and GP412 as of modify_place.
CREATE FUNCTION citizens.restore_version(key bytea, of_place uuid, of_version integer, at timestamptz, expected integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    citizen uuid := people.citizen(key, at, 'contribute');
    old record;
    gone record;
    keeps boolean;
BEGIN
    SELECT p.version, p.modified_at INTO gone
    FROM place AS p JOIN people.keeper AS k ON k.place_id = p.id AND k.citizen_id = citizen
    WHERE p.id = of_place AND p.status = 'deleted' FOR UPDATE OF p;
    IF FOUND THEN
        IF gone.version <> expected THEN
            PERFORM people.refuse(412, 'changed_since', jsonb_build_object('place', of_place, 'version', expected));
        ELSIF gone.modified_at < at - make_interval(days => people.value_of('deleted_days')) THEN
            PERFORM people.refuse(404, 'unknown_place', jsonb_build_object('identifier', of_place));
        END IF;
        SELECT v.status INTO old FROM place_version AS v WHERE v.place_id = of_place AND v.version = gone.version - 1;
        IF old.status = 'hidden' THEN
            PERFORM people.refuse(403, 'hidden');
        END IF;
        UPDATE people.matter AS m SET state = 'open' WHERE m.place_id = of_place AND m.kind = 'first' AND m.state = 'withdrawn';
        PERFORM set_status(of_place, people.status_of(of_place), at, 'citizen', citizen);
        expected := NULL;
        IF of_version = gone.version - 1 THEN
            RETURN gone.version + 1;
        END IF;
    END IF;
    PERFORM require_editable(of_place, citizen, expected);
    keeps := EXISTS (SELECT FROM people.keeper AS k WHERE k.place_id = of_place AND k.citizen_id = citizen);
    SELECT v.* INTO old FROM place_version AS v
    WHERE v.place_id = of_place AND v.version = of_version AND NOT v.is_redacted AND (keeps OR is_public(v.status, v.visibility));
    IF NOT FOUND THEN
        PERFORM people.refuse(404, 'unknown_version', jsonb_build_object('identifier', of_version));
    END IF;
    -- What was chosen since about who may see it and under which licence holds on.
    IF NOT keeps AND old.visibility <> 'public' THEN  -- others were shown neither
        old.address := NULL;
        old.geom := NULL;
    END IF;
    RETURN change_place(of_place, old.kind, old.category, old.name, old.description, old.address, old.phone, old.website,
                        old.opening_hours, old.stage, old.starts_on, old.ends_on, NULL, NULL, ST_X(old.geom), ST_Y(old.geom), at, 'citizen', citizen, keeps);
END
$$;

-- The places that the caller keeps, or one of them, with what others do not see. Deleted ones as long as they can be restored.
CREATE FUNCTION citizens.own_places(key bytea, at timestamptz, wanted uuid)
RETURNS TABLE (id uuid, kind text, category text, name text, description text, address text, phone text, website text,
               opening_hours text, stage text, starts_on date, ends_on date, licence text, visibility text, status text,
               commune_code text, commune_name text, verdict text, method text, distance_m real, version integer,
               created_on date, modified_on date, is_contributor boolean, lon double precision, lat double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    who CONSTANT uuid := people.citizen(key, at, 'read');
    lowest CONSTANT uuid := coalesce(wanted, '00000000-0000-0000-0000-000000000000');
    highest CONSTANT uuid := coalesce(wanted, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
BEGIN
    RETURN QUERY
    SELECT p.id, p.kind, p.category, p.name, p.description, p.address, p.phone, p.website, p.opening_hours, p.stage, p.starts_on, p.ends_on,
           p.licence, p.visibility, p.status, l.commune_code, c.name, l.verdict, l.method, l.distance_m, p.version,
           (p.created_at AT TIME ZONE 'UTC')::date, (p.modified_at AT TIME ZONE 'UTC')::date,
           EXISTS (SELECT FROM people.author AS a WHERE a.place_id = p.id AND a.version = 1 AND a.citizen_id = k.citizen_id),
           ST_X(p.geom), ST_Y(p.geom)
    FROM people.keeper AS k
    JOIN place AS p ON p.id = k.place_id
    LEFT JOIN vintage AS v ON v.state = 'active'
    LEFT JOIN placement AS l ON l.place_id = p.id AND l.vintage_id = v.id
    LEFT JOIN commune AS c ON c.vintage_id = v.id AND c.code = l.commune_code
    WHERE k.citizen_id = who AND k.place_id BETWEEN lowest AND highest
      AND (p.status <> 'deleted' OR p.modified_at > own_places.at - make_interval(days => people.value_of('deleted_days')))
    ORDER BY p.modified_at DESC, p.id;
END
$$;

-- Label of the operator's key with this SHA-256 that holds at that moment, or NULL.
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
