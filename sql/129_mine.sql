-- What is mine: everything out in one archive and in again elsewhere, leaving, and where my contributions went.
SET ROLE geoplatform_owner;

-- What was deleted loses its content: its identifier stays, so that diffs and mirrors can say that it went.
CREATE FUNCTION geoplatform.scrub_place(of_place uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    DELETE FROM place_version AS v WHERE v.place_id = of_place;
    UPDATE change AS l SET geom_before = NULL, geom_after = NULL WHERE l.place_id = of_place;
    UPDATE place AS p
    SET name = '—', category = NULL, description = NULL, address = NULL, phone = NULL, website = NULL, opening_hours = NULL, stage = NULL,
        starts_on = NULL, ends_on = NULL, commune_code_at_entry = NULL, geom = ST_SetSRID(ST_MakePoint(0, 0), 4326)
    WHERE p.id = of_place AND p.status = 'deleted';
    DELETE FROM placement AS l WHERE l.place_id = of_place;
    UPDATE people.decision AS d SET note = NULL FROM people.matter AS m WHERE m.id = d.matter_id AND m.place_id = of_place;
    DELETE FROM confirmation AS c WHERE c.place_id = of_place;
    DELETE FROM people.author AS a WHERE a.place_id = of_place;
    DELETE FROM people.keeper AS k WHERE k.place_id = of_place;
    DELETE FROM people.credit AS k WHERE k.place_id = of_place;
    DELETE FROM people.appreciation AS a WHERE a.place_id = of_place;
    DELETE FROM people.participation AS t WHERE t.place_id = of_place;
    DELETE FROM people.invitation AS i WHERE i.place_id = of_place;
    UPDATE people.matter AS m SET note = NULL, proposed = CASE WHEN m.proposed IS NOT NULL THEN '{}'::jsonb END,
                                  state = CASE WHEN m.state IN ('open', 'seconding') THEN 'withdrawn' ELSE m.state END
    WHERE m.place_id = of_place;
END
$$;
CREATE INDEX place_deleted ON geoplatform.place (modified_at) WHERE status = 'deleted' AND name <> '—';  -- purge

-- Scrubs some of what was deleted so long ago that nobody can restore it. Returns how many.
CREATE FUNCTION geoplatform.purge(at timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    one record;
    done integer := 0;
BEGIN
    FOR one IN
        SELECT p.id FROM place AS p
        WHERE p.status = 'deleted' AND p.name <> '—' AND p.source = 'citizen'
          AND p.modified_at < at - make_interval(days => people.value_of('deleted_days'))
        ORDER BY p.modified_at LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM scrub_place(one.id);
        done := done + 1;
    END LOOP;
    RETURN done;
END
$$;

-- What has had its time goes: content of deleted places, ended sessions, tokens and links, who signed in when. For a timer
-- (`geoplatform digests`). Returns how many places lost their content.
CREATE FUNCTION people.sweep(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    DELETE FROM session AS s WHERE s.expires_at < at;
    DELETE FROM token AS t WHERE t.expires_at < at;
    DELETE FROM sign_in_link AS l WHERE l.expires_at < at - interval '1 day';
    DELETE FROM sign_in AS s WHERE s.occurred_at < at - make_interval(days => value_of('sign_ins_days'));
    RETURN geoplatform.purge(at, 1000);
END
$$;

-- Versions of a place that are told to its keeper, the one in force last.
CREATE FUNCTION people.versions_of(of_place uuid) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'version', v.version, 'valid_from', v.valid_from, 'valid_to', v.valid_to, 'kind', v.kind, 'category', v.category, 'name', v.name,
        'description', v.description, 'address', v.address, 'phone', v.phone, 'website', v.website, 'opening_hours', v.opening_hours,
        'stage', v.stage, 'starts_on', v.starts_on, 'ends_on', v.ends_on, 'licence', v.licence, 'visibility', v.visibility, 'status', v.status,
        'commune_code', v.commune_code, 'lon', ST_X(v.geom), 'lat', ST_Y(v.geom)) ORDER BY v.version), '[]')
    FROM place_version AS v WHERE v.place_id = of_place AND NOT v.is_redacted
$$;

-- Everything that is kept of the caller, as one document (docs/citizens.md tells its members).
CREATE FUNCTION citizens.archive(key bytea, at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, public, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(archive.key, archive.at, 'read') AS id)
    SELECT jsonb_build_object(
        'format', 'geoplatform-archive', 'version', 1, 'made_at', archive.at,
        'citizen', (SELECT jsonb_build_object('id', c.id, 'display_name', c.display_name, 'email', k.email, 'home_commune', c.home_commune,
                                              'language', c.language, 'joined_on', c.joined_on)
                    FROM citizen AS c LEFT JOIN contact AS k ON k.citizen_id = c.id WHERE c.id = who.id),
        'places', (SELECT coalesce(jsonb_agg(people.content_of(p.id) || jsonb_build_object(
                       'id', p.id, 'created_at', p.created_at, 'modified_at', p.modified_at, 'versions', people.versions_of(p.id),
                       'authored', (SELECT coalesce(jsonb_agg(a.version ORDER BY a.version), '[]') FROM author AS a
                                    WHERE a.place_id = p.id AND a.citizen_id = who.id),
                       'keeps', people.keeps(who.id, p.id)) ORDER BY p.created_at, p.id), '[]')
                   FROM geoplatform.place AS p
                   WHERE people.keeps(who.id, p.id) AND p.status <> 'deleted'),
        'edits', (SELECT coalesce(jsonb_agg(jsonb_build_object('place_id', a.place_id, 'version', a.version) ORDER BY a.place_id, a.version), '[]')
                  FROM author AS a WHERE a.citizen_id = who.id AND NOT people.keeps(who.id, a.place_id)),
        'appreciations', (SELECT coalesce(jsonb_agg(jsonb_build_object('place_id', a.place_id, 'since', a.since) ORDER BY a.since, a.place_id), '[]')
                          FROM appreciation AS a WHERE a.citizen_id = who.id),
        'participations', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'id', t.id, 'place_id', t.place_id, 'role', t.role, 'state', t.state, 'public', t.is_public, 'asked_at', t.asked_at,
                               'since', t.since, 'until', t.until) ORDER BY t.asked_at, t.id), '[]')
                           FROM participation AS t WHERE t.citizen_id = who.id),
        'consents', (SELECT coalesce(jsonb_agg(jsonb_build_object('purpose', c.purpose, 'text_version', c.text_version, 'given', c.is_given,
                                                                  'occurred_at', c.occurred_at) ORDER BY c.seq), '[]')
                     FROM consent AS c WHERE c.citizen_id = who.id),
        'follows', (SELECT coalesce(jsonb_agg(jsonb_build_object('commune_code', f.commune_code, 'kind', f.kind, 'area', ST_AsGeoJSON(f.area, 9)::jsonb,
                                                                 'by_mail', f.by_mail, 'since', f.since) ORDER BY f.since, f.id), '[]')
                    FROM follow AS f WHERE f.citizen_id = who.id),
        'matters', (SELECT coalesce(jsonb_agg(one.told ORDER BY one.told ->> 'opened_at', one.told ->> 'id'), '[]') FROM (
                        SELECT jsonb_build_object(
                                   'id', m.id, 'kind', m.kind, 'place_id', m.place_id, 'commune_code', m.commune_code, 'reason', m.reason, 'note', m.note,
                                   'proposed', m.proposed, 'state', m.state, 'opened_at', m.opened_at, 'decisions',
                                   (SELECT coalesce(jsonb_agg(jsonb_build_object('outcome', d.outcome, 'action', d.action, 'reason', d.reason,
                                                                                 'note', d.note, 'decided_at', d.decided_at) ORDER BY d.seq), '[]')
                                    FROM decision AS d WHERE d.matter_id = m.id)) AS told
                        FROM matter AS m WHERE m.opened_by = who.id
                        UNION ALL SELECT i.content FROM imported AS i WHERE i.citizen_id = who.id AND i.what = 'matters') AS one),
        'decisions', (SELECT coalesce(jsonb_agg(one.told ORDER BY one.told ->> 'decided_at', one.told ->> 'matter_id'), '[]') FROM (
                          SELECT jsonb_build_object('matter_id', d.matter_id, 'outcome', d.outcome, 'action', d.action, 'reason', d.reason,
                                                    'note', d.note, 'decided_at', d.decided_at) AS told
                          FROM decision AS d WHERE d.decided_by = who.id
                          UNION ALL SELECT i.content FROM imported AS i WHERE i.citizen_id = who.id AND i.what = 'decisions') AS one),
        'identities', (SELECT coalesce(jsonb_agg(jsonb_build_object('issuer', i.issuer, 'subject', i.subject) ORDER BY i.issuer, i.subject), '[]')
                       FROM identity AS i WHERE i.citizen_id = who.id),
        'roles', (SELECT coalesce(jsonb_agg(jsonb_build_object('scope', r.scope, 'code', r.code, 'granted_at', r.granted_at) ORDER BY r.scope, r.code), '[]')
                  FROM role AS r WHERE r.citizen_id = who.id),
        'sessions', (SELECT coalesce(jsonb_agg(jsonb_build_object('agent', s.agent, 'begun_at', s.begun_at, 'expires_at', s.expires_at) ORDER BY s.begun_at), '[]')
                     FROM session AS s WHERE s.citizen_id = who.id),
        'tokens', (SELECT coalesce(jsonb_agg(jsonb_build_object('label', t.label, 'scopes', t.scopes, 'created_at', t.created_at, 'expires_at', t.expires_at)
                                             ORDER BY t.created_at), '[]') FROM token AS t WHERE t.citizen_id = who.id),
        'sign_ins', (SELECT coalesce(jsonb_agg(jsonb_build_object('occurred_at', s.occurred_at, 'event', s.event, 'agent', s.agent) ORDER BY s.seq), '[]')
                     FROM sign_in AS s WHERE s.citizen_id = who.id))
    FROM who
$$;

-- Takes an archive in: of the same instance or another. Places that are there already stay as they are. Who the citizen was and what he or
-- she agreed to is taken where the account is new to that. A part in somebody else's association is asked for, not taken.
-- Returns how many of each. The document has been checked by the caller; SQLSTATEs 22… and 23… tell that something in it is not as it
-- should be, and nothing is taken.
CREATE FUNCTION citizens.take_archive(key bytea, at timestamptz, told jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    who CONSTANT uuid := people.citizen(key, at, 'contribute');
    today CONSTANT date := (at AT TIME ZONE 'UTC')::date;
    one jsonb;
    v jsonb;
    new_id uuid;
    point geometry;
    found_in text;
    new_status text;
    looked boolean;
    taken integer;
    counts jsonb := '{}';
BEGIN
    taken := 0;
    IF NOT EXISTS (SELECT FROM people.consent AS c WHERE c.citizen_id = who) THEN
        FOR one IN SELECT * FROM jsonb_array_elements(told -> 'consents') LOOP
            INSERT INTO people.consent (citizen_id, purpose, text_version, is_given, occurred_at)
            VALUES (who, one ->> 'purpose', (one ->> 'text_version')::date, (one ->> 'given')::boolean, least((one ->> 'occurred_at')::timestamptz, at));
            taken := taken + 1;
        END LOOP;
        UPDATE people.citizen AS c
        SET display_name = told #>> '{citizen,display_name}', language = told #>> '{citizen,language}',
            home_commune = (SELECT k.code FROM published.communes AS k WHERE k.code = told #>> '{citizen,home_commune}')
        WHERE c.id = who;
    END IF;
    counts := counts || jsonb_build_object('consents', taken);

    taken := 0;
    FOR one IN SELECT * FROM jsonb_array_elements(told -> 'places') LOOP
        new_id := (one ->> 'id')::uuid;
        CONTINUE WHEN one ->> 'status' NOT IN ('published', 'held', 'withheld', 'hidden') OR EXISTS (SELECT FROM place AS p WHERE p.id = new_id);
        point := ST_SetSRID(ST_MakePoint((one ->> 'lon')::double precision, (one ->> 'lat')::double precision), 4326);
        SELECT j.commune_code INTO found_in FROM place_point(point, active_vintage()) AS j;
        looked := people.needs_look(who, found_in);
        new_status := CASE WHEN one ->> 'status' = 'hidden' THEN 'hidden' WHEN NOT people.agrees(who, 'publication') THEN 'withheld'
                           WHEN looked THEN 'held' ELSE 'published' END;
        INSERT INTO place (id, kind, category, name, description, address, phone, website, opening_hours, stage, starts_on, ends_on, licence, visibility,
                           status, source, version, created_at, modified_at, commune_code_at_entry, geom)
        VALUES (new_id, one ->> 'kind', one ->> 'category', one ->> 'name', one ->> 'description', one ->> 'address', one ->> 'phone',
                one ->> 'website', one ->> 'opening_hours', one ->> 'stage', (one ->> 'starts_on')::date, (one ->> 'ends_on')::date,
                one ->> 'licence', one ->> 'visibility', new_status, 'citizen', (one ->> 'version')::integer,
                least((one ->> 'created_at')::timestamptz, at), least((one ->> 'modified_at')::timestamptz, at), found_in, point);
        INSERT INTO placement (place_id, vintage_id, verdict, method, commune_code, distance_m)
        SELECT new_id, w.id, j.verdict, j.method, j.commune_code, j.distance_m
        FROM vintage AS w CROSS JOIN LATERAL place_point(point, w.id) AS j WHERE w.is_placed;
        FOR v IN SELECT * FROM jsonb_array_elements(one -> 'versions') LOOP
            INSERT INTO place_version (place_id, version, valid_from, valid_to, kind, category, name, description, address, phone, website, opening_hours,
                                       stage, starts_on, ends_on, licence, visibility, status, commune_code, is_foreign, geom)
            VALUES (new_id, (v ->> 'version')::integer, (v ->> 'valid_from')::timestamptz, (v ->> 'valid_to')::timestamptz, v ->> 'kind',
                    v ->> 'category', v ->> 'name', v ->> 'description', v ->> 'address', v ->> 'phone', v ->> 'website', v ->> 'opening_hours',
                    v ->> 'stage', (v ->> 'starts_on')::date, (v ->> 'ends_on')::date, v ->> 'licence', v ->> 'visibility', v ->> 'status',
                    v ->> 'commune_code', true, ST_SetSRID(ST_MakePoint((v ->> 'lon')::double precision, (v ->> 'lat')::double precision), 4326));
        END LOOP;
        -- Whoever brings a place in stands for it, whatever the other instance said: version 1 is theirs.
        INSERT INTO people.author (place_id, version, citizen_id)
        SELECT DISTINCT new_id, a.version::integer, who
        FROM (SELECT '1' AS version UNION ALL SELECT jsonb_array_elements_text(one -> 'authored')) AS a;
        INSERT INTO people.keeper (place_id, citizen_id, since) VALUES (new_id, who, at);
        IF looked THEN
            INSERT INTO people.matter (id, kind, place_id, commune_code, opened_by, opened_at)
            VALUES (gen_random_uuid(), 'first', new_id, found_in, who, at);
        END IF;
        INSERT INTO change (operation, place_id, version, occurred_at, actor, is_told, commune_code_after, geom_after)
        SELECT 'create', p.id, p.version, at, 'citizen', is_public(p.status, p.visibility), found_in, CASE WHEN p.status = 'published' THEN p.shown_geom END
        FROM place AS p WHERE p.id = new_id;
        taken := taken + 1;
    END LOOP;
    counts := counts || jsonb_build_object('places', taken);

    INSERT INTO people.appreciation (place_id, citizen_id, since)
    SELECT (a ->> 'place_id')::uuid, who, least((a ->> 'since')::timestamptz, at)
    FROM jsonb_array_elements(told -> 'appreciations') AS a
    JOIN place AS p ON p.id = (a ->> 'place_id')::uuid AND is_public(p.status, p.visibility)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS taken = ROW_COUNT;
    counts := counts || jsonb_build_object('appreciations', taken);

    INSERT INTO people.participation (id, place_id, citizen_id, role, state, is_public, asked_at, since, until)
    SELECT (t ->> 'id')::uuid, p.id, who, t ->> 'role',
           CASE WHEN t ->> 'state' = 'active' AND NOT people.keeps(who, p.id) THEN 'requested' ELSE t ->> 'state' END,
           (t ->> 'public')::boolean, least((t ->> 'asked_at')::timestamptz, at),
           CASE WHEN t ->> 'state' <> 'active' OR people.keeps(who, p.id) THEN least((t ->> 'since')::date, today) END,
           CASE WHEN t ->> 'state' = 'ended' THEN least((t ->> 'until')::date, today) END
    FROM jsonb_array_elements(told -> 'participations') AS t
    JOIN place AS p ON p.id = (t ->> 'place_id')::uuid AND is_public(p.status, p.visibility) AND p.kind IN ('association', 'project')
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS taken = ROW_COUNT;
    counts := counts || jsonb_build_object('participations', taken);

    INSERT INTO people.follow (id, citizen_id, feed_sha256, commune_code, kind, area, by_mail, since, mailed_at, mailed_seq)
    SELECT gen_random_uuid(), who, sha256(gen_random_uuid()::text::bytea || gen_random_uuid()::text::bytea), f ->> 'commune_code', f ->> 'kind',
           ST_SetSRID(ST_GeomFromGeoJSON(nullif(f -> 'area', 'null')), 4326), f ->> 'by_mail', least((f ->> 'since')::timestamptz, at), at,
           (SELECT coalesce(max(l.seq), 0) FROM change AS l)
    FROM jsonb_array_elements(told -> 'follows') AS f
    WHERE NOT EXISTS (SELECT FROM people.follow AS g WHERE g.citizen_id = who)
    LIMIT people.value_of('follows_each');
    GET DIAGNOSTICS taken = ROW_COUNT;
    counts := counts || jsonb_build_object('follows', taken);

    -- What was decided elsewhere is kept for its owner, and in force nowhere.
    IF NOT EXISTS (SELECT FROM people.imported AS i WHERE i.citizen_id = who) THEN
        INSERT INTO people.imported (citizen_id, what, content)
        SELECT who, kind.what, i.content
        FROM unnest(ARRAY['matters', 'decisions']) AS kind (what) CROSS JOIN LATERAL jsonb_array_elements(told -> kind.what) AS i (content)
        WHERE NOT (kind.what = 'matters' AND EXISTS (SELECT FROM people.matter AS m WHERE m.id::text = i.content ->> 'id'))
          AND NOT (kind.what = 'decisions' AND EXISTS (SELECT FROM people.matter AS m WHERE m.id::text = i.content ->> 'matter_id'));
    END IF;
    RETURN counts;
END
$$;

-- What the caller may choose about before leaving: the places that he or she contributed.
CREATE FUNCTION citizens.leaving(key bytea, at timestamptz)
RETURNS TABLE (id uuid, name text, kind text, status text, visibility text, licence text, other_keepers bigint, participants bigint, is_released boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(leaving.key, leaving.at, 'read') AS id)
    SELECT p.id, p.name, p.kind, p.status, p.visibility, p.licence,
           (SELECT count(*) FROM keeper AS k WHERE k.place_id = p.id AND k.citizen_id <> who.id),
           (SELECT count(*) FROM participation AS t WHERE t.place_id = p.id AND t.state = 'active' AND t.citizen_id <> who.id),
           geoplatform.is_item(p.status, p.visibility, p.licence)
    FROM who JOIN author AS a ON a.citizen_id = who.id AND a.version = 1 JOIN geoplatform.place AS p ON p.id = a.place_id
    WHERE p.status <> 'deleted'
    ORDER BY p.created_at, p.id
$$;

-- Leaves. choices: what becomes of each contribution, {id: keep | pseudonymise | delete}; otherwise: of those it does not name. keep: the
-- display name stays beside it; pseudonymise: the place stays, nobody's; delete: it goes, with its history. Returns the receipt, which
-- whoever knows its number can read (published.receipt). GP422 for a choice about what is not the caller's.
CREATE FUNCTION citizens.leave(key bytea, at timestamptz, receipt_id uuid, choices jsonb, otherwise text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who CONSTANT uuid := signed_in(key, at, 'read');  -- whoever is suspended may leave
    one record;
    choice text;
    stranger text;
    kept integer := 0;
    pseudonymised integer := 0;
    deleted jsonb := '[]';
    receipt jsonb;
BEGIN
    PERFORM FROM citizen AS c WHERE c.id = who FOR UPDATE;
    SELECT min(k) INTO stranger FROM jsonb_object_keys(choices) AS k
    WHERE NOT EXISTS (SELECT FROM author AS a WHERE a.place_id::text = k AND a.version = 1 AND a.citizen_id = who);
    IF stranger IS NOT NULL THEN
        PERFORM refuse(422, 'not_your_contribution', jsonb_build_object('parameter', 'choices.' || stranger));
    END IF;
    FOR one IN
        SELECT p.id, p.status, p.visibility = 'private' AND NOT EXISTS (SELECT FROM keeper AS k WHERE k.place_id = p.id AND k.citizen_id <> who) AS is_alone
        FROM author AS a JOIN geoplatform.place AS p ON p.id = a.place_id
        WHERE a.citizen_id = who AND a.version = 1 ORDER BY p.id
    LOOP
        choice := coalesce(choices ->> one.id::text, otherwise);
        IF choice = 'delete' OR one.is_alone OR one.status IN ('deleted', 'held', 'withheld', 'hidden') THEN
            PERFORM geoplatform.set_status(one.id, 'deleted', at, 'citizen', NULL);
            PERFORM geoplatform.scrub_place(one.id);
            deleted := deleted || to_jsonb(one.id);
        ELSIF choice = 'keep' THEN
            INSERT INTO credit (place_id, name) SELECT one.id, c.display_name FROM citizen AS c WHERE c.id = who
            ON CONFLICT (place_id) DO NOTHING;
            kept := kept + 1;
        ELSE
            pseudonymised := pseudonymised + 1;
        END IF;
    END LOOP;
    DELETE FROM invitation AS i USING contact AS k WHERE k.citizen_id = who AND (lower(i.email) = lower(k.email) OR i.invited_by = who);
    DELETE FROM invitation AS i WHERE i.invited_by = who;
    DELETE FROM sign_in_link AS l USING contact AS k WHERE k.citizen_id = who AND lower(l.email) = lower(k.email);
    DELETE FROM sign_in_link AS l WHERE l.citizen_id = who;
    UPDATE decision AS d SET note = NULL FROM matter AS m WHERE m.id = d.matter_id AND m.opened_by = who;
    DELETE FROM author AS a WHERE a.citizen_id = who;
    DELETE FROM keeper AS k WHERE k.citizen_id = who;
    DELETE FROM appreciation AS a WHERE a.citizen_id = who;
    DELETE FROM participation AS t WHERE t.citizen_id = who;
    DELETE FROM follow AS f WHERE f.citizen_id = who;
    DELETE FROM imported AS i WHERE i.citizen_id = who;
    UPDATE matter AS m SET opened_by = NULL, note = NULL, state = CASE WHEN m.state IN ('open', 'seconding') AND m.kind <> 'report' THEN 'withdrawn' ELSE m.state END
    WHERE m.opened_by = who;
    UPDATE decision AS d SET decided_by = NULL, note = NULL WHERE d.decided_by = who;
    DELETE FROM contact AS k WHERE k.citizen_id = who;
    DELETE FROM identity AS i WHERE i.citizen_id = who;
    DELETE FROM session AS s WHERE s.citizen_id = who;
    DELETE FROM token AS t WHERE t.citizen_id = who;
    DELETE FROM sign_in AS s WHERE s.citizen_id = who;
    DELETE FROM role AS r WHERE r.citizen_id = who;
    UPDATE citizen AS c SET state = 'left', display_name = '', home_commune = NULL, language = 'fr', joined_on = 'epoch', accepted = 0
    WHERE c.id = who;
    receipt := jsonb_build_object('left_on', (at AT TIME ZONE 'UTC')::date, 'kept', kept, 'pseudonymised', pseudonymised, 'deleted', deleted);
    INSERT INTO leaving (id, left_on, receipt) VALUES (receipt_id, (at AT TIME ZONE 'UTC')::date, receipt);
    RETURN receipt;
END
$$;

CREATE FUNCTION published.receipt(receipt_id uuid) RETURNS jsonb
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = people, pg_temp
AS $$ SELECT l.receipt FROM leaving AS l WHERE l.id = receipt_id $$;

RESET ROLE;
