-- Appreciations, participations, and who keeps a place: what citizens do, and what little of it is public.
SET ROLE geoplatform_owner;

-- What the public knows of the people of a place: counts from so many people on, whoever takes part and says so, and the name that its
-- contributor wants to be shown. No row where the public sees no such place.
CREATE FUNCTION published.community_of(of_place uuid)
RETURNS TABLE (appreciations bigint, participants bigint, people jsonb, credit text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT (SELECT nullif(greatest(count(*), value_of('counted_from') - 1), value_of('counted_from') - 1)
            FROM appreciation AS a WHERE a.place_id = p.id),
           (SELECT nullif(greatest(count(*), value_of('counted_from') - 1), value_of('counted_from') - 1)
            FROM participation AS t WHERE t.place_id = p.id AND t.state = 'active'),
           (SELECT coalesce(jsonb_agg(jsonb_build_object('display_name', c.display_name, 'role', t.role, 'since', t.since)
                                      ORDER BY t.since, t.id), '[]')
            FROM participation AS t JOIN citizen AS c ON c.id = t.citizen_id AND c.state = 'active'
            WHERE t.place_id = p.id AND t.state = 'active' AND t.is_public),
           coalesce((SELECT c.display_name FROM author AS w JOIN citizen AS c ON c.id = w.citizen_id AND c.state = 'active'
                     WHERE w.place_id = p.id AND w.version = 1 AND agrees(c.id, 'credit')),
                    (SELECT k.name FROM credit AS k WHERE k.place_id = p.id))
    FROM geoplatform.place AS p
    WHERE p.id = of_place AND geoplatform.is_public(p.status, p.visibility)
$$;

-- GP404 unless the public sees this place; locks it against deletion meanwhile. Returns its kind.
CREATE FUNCTION people.require_public(of_place uuid) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
DECLARE
    found_kind text;
BEGIN
    SELECT p.kind INTO found_kind FROM geoplatform.place AS p
    WHERE p.id = of_place AND geoplatform.is_public(p.status, p.visibility) FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_place', jsonb_build_object('identifier', of_place));
    END IF;
    RETURN found_kind;
END
$$;

CREATE FUNCTION people.keeps(citizen uuid, of_place uuid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$ SELECT EXISTS (SELECT FROM keeper AS k WHERE k.place_id = of_place AND k.citizen_id = citizen) $$;

-- GP404 for a place that neither the caller keeps nor the public sees, GP403 for one that somebody else keeps.
CREATE FUNCTION people.require_kept(citizen uuid, of_place uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
BEGIN
    IF NOT keeps(citizen, of_place) THEN
        PERFORM require_public(of_place);
        PERFORM refuse(403, 'keepers_only');
    END IF;
END
$$;

-- "I like this", or no longer.
CREATE FUNCTION citizens.appreciate(key bytea, at timestamptz, of_place uuid, likes boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
BEGIN
    IF likes THEN
        PERFORM require_public(of_place);
        INSERT INTO appreciation (place_id, citizen_id, since) VALUES (of_place, who, at) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM appreciation AS a WHERE a.place_id = of_place AND a.citizen_id = who;
    END IF;
END
$$;

-- "This still holds", said by somebody with an account. GP409 of what is invented.
CREATE FUNCTION citizens.confirm_place(key bytea, at timestamptz, of_place uuid) RETURNS date
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    today CONSTANT date := (at AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM citizen(key, at, 'contribute');
    PERFORM require_public(of_place);
    IF (SELECT p.source FROM geoplatform.place AS p WHERE p.id = of_place) = 'synthetic' THEN
        PERFORM refuse(409, 'invented');
    END IF;
    INSERT INTO geoplatform.confirmation AS c (place_id, confirmed_on) VALUES (of_place, today)
    ON CONFLICT (place_id) DO UPDATE SET confirmed_on = greatest(c.confirmed_on, EXCLUDED.confirmed_on);
    RETURN today;
END
$$;

-- "I take part": asked of whoever keeps the place; by a keeper, done. GP409 where nobody keeps it or it is under way already.
CREATE FUNCTION citizens.take_part(key bytea, at timestamptz, new_id uuid, of_place uuid, role text, is_public boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    who uuid := citizen(key, at, 'contribute');
    kind text := require_public(of_place);
    state text := CASE WHEN keeps(who, of_place) THEN 'active' ELSE 'requested' END;
BEGIN
    IF kind NOT IN ('association', 'project') THEN
        PERFORM refuse(409, 'nothing_to_join', jsonb_build_object('kind', kind));
    ELSIF NOT EXISTS (SELECT FROM keeper AS k WHERE k.place_id = of_place) THEN
        PERFORM refuse(409, 'nobody_keeps');
    END IF;
    INSERT INTO participation (id, place_id, citizen_id, role, state, is_public, asked_at, since)
    VALUES (new_id, of_place, who, role, state, is_public, at, CASE state WHEN 'active' THEN (at AT TIME ZONE 'UTC')::date END)
    ON CONFLICT (place_id, citizen_id) WHERE participation.state <> 'ended' DO NOTHING;
    IF NOT FOUND THEN
        PERFORM refuse(409, 'takes_part');
    END IF;
    RETURN state;
END
$$;

-- Changes what is given of one's own participation; NULL leaves it.
CREATE FUNCTION citizens.change_participation(key bytea, at timestamptz, of_id uuid, role text, is_public boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
BEGIN
    UPDATE participation AS t
    SET role = coalesce(change_participation.role, t.role), is_public = coalesce(change_participation.is_public, t.is_public)
    WHERE t.id = of_id AND t.citizen_id = who;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_participation', jsonb_build_object('identifier', of_id));
    END IF;
END
$$;

-- Ends a participation: one's own, or one in a place that the caller keeps. What was only asked for is gone.
CREATE FUNCTION citizens.end_participation(key bytea, at timestamptz, of_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
    today date := (at AT TIME ZONE 'UTC')::date;
BEGIN
    DELETE FROM participation AS t
    WHERE t.id = of_id AND t.state = 'requested' AND (t.citizen_id = who OR keeps(who, t.place_id));
    IF NOT FOUND THEN
        UPDATE participation AS t SET state = 'ended', until = greatest(today, t.since)
        WHERE t.id = of_id AND t.state = 'active' AND (t.citizen_id = who OR keeps(who, t.place_id));
        IF NOT FOUND THEN
            PERFORM refuse(404, 'unknown_participation', jsonb_build_object('identifier', of_id));
        END IF;
    END IF;
END
$$;

-- A keeper says yes to whoever asked.
CREATE FUNCTION citizens.accept_participation(key bytea, at timestamptz, of_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
BEGIN
    UPDATE participation AS t SET state = 'active', since = (at AT TIME ZONE 'UTC')::date
    WHERE t.id = of_id AND t.state = 'requested' AND keeps(who, t.place_id);
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_request', jsonb_build_object('identifier', of_id));
    END IF;
END
$$;

-- Who takes part in a place, to its keepers.
CREATE FUNCTION citizens.participants(key bytea, at timestamptz, of_place uuid)
RETURNS TABLE (id uuid, display_name text, role text, state text, is_public boolean, since date, until date)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_kept(citizen(key, at, 'read'), of_place);
    RETURN QUERY
    SELECT t.id, c.display_name, t.role, t.state, t.is_public, t.since, t.until
    FROM participation AS t JOIN citizen AS c ON c.id = t.citizen_id WHERE t.place_id = of_place ORDER BY t.asked_at, t.id;
END
$$;

-- Offers a place, or a part in it, to whoever owns an address. Returns whether it was not offered before. GP403 for a place that the
-- caller does not keep; GP429 for too many that are open.
CREATE FUNCTION citizens.invite(key bytea, at timestamptz, new_id uuid, of_place uuid, to_email text, purpose text, role text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    who uuid := citizen(key, at, 'contribute');
    kind text;
BEGIN
    PERFORM require_kept(who, of_place);
    kind := require_public(of_place);
    IF purpose = 'participation' AND kind NOT IN ('association', 'project') THEN
        PERFORM refuse(409, 'nothing_to_join', jsonb_build_object('kind', kind));
    ELSIF (SELECT count(*) FROM invitation AS i WHERE i.place_id = of_place) >= 20 THEN
        PERFORM refuse(429, 'too_many_invitations');
    END IF;
    INSERT INTO invitation (id, place_id, email, purpose, role, invited_by, invited_at)
    VALUES (new_id, of_place, to_email, purpose, role, who, at)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

CREATE FUNCTION citizens.take_back_invitation(key bytea, at timestamptz, of_place uuid, of_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    PERFORM require_kept(citizen(key, at, 'contribute'), of_place);
    DELETE FROM invitation AS i WHERE i.id = of_id AND i.place_id = of_place;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_invitation', jsonb_build_object('identifier', of_id));
    END IF;
END
$$;

-- What is open in a place, to its keepers.
CREATE FUNCTION citizens.invitations_of(key bytea, at timestamptz, of_place uuid)
RETURNS TABLE (id uuid, email text, purpose text, role text, invited_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_kept(citizen(key, at, 'read'), of_place);
    RETURN QUERY SELECT i.id, i.email, i.purpose, i.role, i.invited_at FROM invitation AS i WHERE i.place_id = of_place ORDER BY i.invited_at, i.id;
END
$$;

-- What is offered to the caller: by the address that he or she has shown to own.
CREATE FUNCTION citizens.invitations(key bytea, at timestamptz)
RETURNS TABLE (id uuid, place_id uuid, place_name text, purpose text, role text, invited_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT i.id, i.place_id, p.name, i.purpose, i.role, i.invited_at
    FROM contact AS k
    JOIN invitation AS i ON lower(i.email) = lower(k.email)
    JOIN geoplatform.place AS p ON p.id = i.place_id AND geoplatform.is_public(p.status, p.visibility)
    WHERE k.citizen_id = people.citizen(invitations.key, invitations.at, 'read')
    ORDER BY i.invited_at, i.id
$$;

CREATE FUNCTION citizens.answer_invitation(key bytea, at timestamptz, of_id uuid, accepts boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
    offered record;
BEGIN
    DELETE FROM invitation AS i USING contact AS k
    WHERE i.id = of_id AND k.citizen_id = who AND lower(k.email) = lower(i.email) RETURNING i.* INTO offered;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_invitation', jsonb_build_object('identifier', of_id));
    ELSIF NOT accepts THEN
        RETURN;
    END IF;
    PERFORM require_public(offered.place_id);
    IF offered.purpose = 'keeping' THEN
        INSERT INTO keeper (place_id, citizen_id, since) VALUES (offered.place_id, who, at) ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO participation AS t (id, place_id, citizen_id, role, state, asked_at, since)
        VALUES (offered.id, offered.place_id, who, offered.role, 'active', at, (at AT TIME ZONE 'UTC')::date)
        ON CONFLICT (place_id, citizen_id) WHERE state <> 'ended'
        DO UPDATE SET state = 'active', since = coalesce(t.since, EXCLUDED.since), role = coalesce(EXCLUDED.role, t.role);
    END IF;
END
$$;

-- Keeps a place no longer. GP409 for the last one who does: hand it over, or delete it.
CREATE FUNCTION citizens.give_up(key bytea, at timestamptz, of_place uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
BEGIN
    PERFORM FROM geoplatform.place AS p WHERE p.id = of_place FOR UPDATE;  -- two at once
    PERFORM require_kept(who, of_place);
    IF NOT EXISTS (SELECT FROM keeper AS k WHERE k.place_id = of_place AND k.citizen_id <> who) THEN
        PERFORM refuse(409, 'last_keeper');
    END IF;
    DELETE FROM keeper AS k WHERE k.place_id = of_place AND k.citizen_id = who;
END
$$;

-- What the caller has to do with a place.
CREATE FUNCTION citizens.relation(key bytea, at timestamptz, of_place uuid)
RETURNS TABLE (appreciates boolean, keeps boolean, decides boolean, participation jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(relation.key, relation.at, 'read') AS id)
    SELECT EXISTS (SELECT FROM appreciation AS a WHERE a.place_id = of_place AND a.citizen_id = who.id),
           people.keeps(who.id, of_place),
           people.decides(who.id, (SELECT p.commune_code FROM published.places AS p WHERE p.id = of_place)),
           (SELECT jsonb_build_object('id', t.id, 'role', t.role, 'state', t.state, 'public', t.is_public, 'since', t.since)
            FROM participation AS t WHERE t.place_id = of_place AND t.citizen_id = who.id AND t.state <> 'ended')
    FROM who
$$;

CREATE FUNCTION citizens.appreciations(key bytea, at timestamptz)
RETURNS TABLE (place_id uuid, name text, commune_code text, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT a.place_id, p.name, p.commune_code, a.since
    FROM appreciation AS a LEFT JOIN published.places AS p ON p.id = a.place_id
    WHERE a.citizen_id = people.citizen(appreciations.key, appreciations.at, 'read') ORDER BY a.since DESC, a.place_id
$$;

CREATE FUNCTION citizens.participations(key bytea, at timestamptz)
RETURNS TABLE (id uuid, place_id uuid, name text, role text, state text, is_public boolean, since date, until date)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT t.id, t.place_id, p.name, t.role, t.state, t.is_public, t.since, t.until
    FROM participation AS t LEFT JOIN published.places AS p ON p.id = t.place_id
    WHERE t.citizen_id = people.citizen(participations.key, participations.at, 'read') ORDER BY t.asked_at DESC, t.id
$$;

RESET ROLE;
