-- What is proposed and reported, and how referents decide on it.
SET ROLE geoplatform_owner;

CREATE VIEW published.decisions AS
SELECT d.seq, (d.decided_at AT TIME ZONE 'UTC')::date AS decided_on, m.commune_code, m.kind AS matter, m.reason AS reported, d.outcome, d.action,
       d.reason, (SELECT p.id FROM geoplatform.place AS p WHERE p.id = m.place_id AND geoplatform.is_public(p.status, p.visibility)) AS place_id
FROM people.decision AS d JOIN people.matter AS m ON m.id = d.matter_id;
COMMENT ON VIEW published.decisions IS 'What referents decided, without people.';
COMMENT ON COLUMN published.decisions.seq IS 'Number of the decision; grows, may skip.';
COMMENT ON COLUMN published.decisions.decided_on IS 'Day of the decision (UTC).';
COMMENT ON COLUMN published.decisions.commune_code IS 'INSEE code of the commune of the place, when it was brought up.';
COMMENT ON COLUMN published.decisions.matter IS 'first (contribution of a new account), suggestion, report, claim or appeal.';
COMMENT ON COLUMN published.decisions.reported IS 'What a report says.';
COMMENT ON COLUMN published.decisions.outcome IS 'accepted, refused or deletion_proposed (a second referent has to agree).';
COMMENT ON COLUMN published.decisions.action IS 'What was done: none, published, applied, granted, hidden, deleted, redacted or restored.';
COMMENT ON COLUMN published.decisions.reason IS 'Why.';
COMMENT ON COLUMN published.decisions.place_id IS 'Identifier of the place, where the public sees it.';

-- Brings something up. proposed: of a suggestion, the place's whole content as change_place takes it. GP404 unless the public sees the
-- place; GP409 where the same person brought up the same already.
CREATE FUNCTION people.bring_up(
    new_id uuid, kind text, of_place uuid, reason text, note text, proposed jsonb, of_version integer, who uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM require_public(of_place);
    IF (SELECT count(*) FROM matter AS m WHERE m.place_id = of_place AND m.opened_by IS NOT DISTINCT FROM who
        AND m.kind = kind AND m.state IN ('open', 'seconding')) >= (CASE WHEN who IS NULL THEN 20 ELSE 1 END)
    THEN
        PERFORM refuse(CASE WHEN who IS NULL THEN 429 ELSE 409 END, 'brought_up');
    END IF;
    INSERT INTO matter (id, kind, place_id, commune_code, reason, note, proposed, of_version, opened_by, opened_at)
    VALUES (new_id, kind, of_place, commune_of(of_place), reason, note, proposed, of_version, who, at);
END
$$;

CREATE FUNCTION citizens.suggest(key bytea, at timestamptz, new_id uuid, of_place uuid, proposed jsonb, note text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
    there record;
BEGIN
    PERFORM require_public(of_place);
    SELECT p.version, p.source INTO there FROM geoplatform.place AS p WHERE p.id = of_place;
    IF there.source <> 'citizen' THEN
        PERFORM refuse(403, 'not_of_citizens_report', jsonb_build_object('place', of_place));
    ELSIF keeps(who, of_place) THEN
        PERFORM refuse(409, 'change_instead');
    ELSIF proposed ->> 'category' IS NOT NULL AND NOT EXISTS (
        SELECT FROM geoplatform.category AS c WHERE c.code = proposed ->> 'category' AND c.kind = proposed ->> 'kind')
    THEN
        PERFORM refuse(422, 'unknown_category', jsonb_build_object('parameter', 'properties.category', 'kind', proposed ->> 'kind'));
    END IF;
    PERFORM bring_up(new_id, 'suggestion', of_place, NULL, note, proposed, there.version, who, at);
END
$$;

-- key: NULL for somebody who says nothing of himself.
CREATE FUNCTION citizens.report(key bytea, at timestamptz, new_id uuid, of_place uuid, reason text, note text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    PERFORM bring_up(new_id, 'report', of_place, reason, note, NULL, NULL,
                     CASE WHEN key IS NOT NULL THEN citizen(key, at, 'contribute') END, at);
END
$$;

CREATE FUNCTION citizens.claim(key bytea, at timestamptz, new_id uuid, of_place uuid, note text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
BEGIN
    IF keeps(who, of_place) THEN
        PERFORM refuse(409, 'keeps_already');
    END IF;
    PERFORM bring_up(new_id, 'claim', of_place, NULL, note, NULL, NULL, who, at);
END
$$;

-- Takes back what the caller brought up himself and nobody has decided on.
CREATE FUNCTION citizens.withdraw_matter(key bytea, at timestamptz, of_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    UPDATE matter AS m SET state = 'withdrawn'
    WHERE m.id = of_id AND m.opened_by = citizen(key, at, 'contribute') AND m.state = 'open' AND m.kind <> 'first';
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_matter', jsonb_build_object('identifier', of_id));
    END IF;
END
$$;

-- Asks that a decision be looked at again, by somebody else: whoever brought the matter up, or keeps the place. Once.
CREATE FUNCTION citizens.appeal(key bytea, at timestamptz, new_id uuid, of_id uuid, note text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
    old record;
BEGIN
    SELECT m.* INTO old FROM matter AS m
    WHERE m.id = of_id AND m.state IN ('accepted', 'refused') AND m.kind <> 'appeal' AND (m.opened_by = who OR keeps(who, m.place_id)) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_decision', jsonb_build_object('identifier', of_id));
    ELSIF EXISTS (SELECT FROM matter AS m WHERE m.appeals = of_id AND m.opened_by = who) THEN
        PERFORM refuse(409, 'appealed');
    END IF;
    INSERT INTO matter (id, kind, place_id, commune_code, note, appeals, opened_by, opened_at)
    VALUES (new_id, 'appeal', old.place_id, old.commune_code, note, of_id, who, at);
END
$$;

-- A place as referents see it, hidden parts included.
CREATE FUNCTION people.content_of(of_place uuid) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = geoplatform, public, pg_temp
AS $$
    SELECT jsonb_build_object('kind', p.kind, 'category', p.category, 'name', p.name, 'description', p.description, 'address', p.address,
                              'phone', p.phone, 'website', p.website, 'opening_hours', p.opening_hours, 'stage', p.stage,
                              'starts_on', p.starts_on, 'ends_on', p.ends_on, 'licence', p.licence, 'visibility', p.visibility,
                              'status', p.status, 'version', p.version, 'lon', ST_X(p.geom), 'lat', ST_Y(p.geom))
    FROM place AS p WHERE p.id = of_place
$$;

-- Whether somebody may decide on a matter: a referent of its commune who has nothing to do with it, who has not decided on it, nor on
-- what it appeals against; on a suggestion, also who keeps the place. What is private or deleted waits until it is shown again.
CREATE FUNCTION people.may_decide(who uuid, m people.matter) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$
    SELECT m.opened_by IS DISTINCT FROM who
       AND ((m.kind = 'suggestion' AND keeps(who, m.place_id))
            OR (decides(who, m.commune_code) AND NOT keeps(who, m.place_id)
                AND EXISTS (SELECT FROM geoplatform.place AS p
                            WHERE p.id = m.place_id AND p.visibility <> 'private' AND p.status <> 'deleted' OR m.kind = 'appeal' AND p.id = m.place_id)
                AND NOT EXISTS (SELECT FROM author AS a WHERE a.place_id = m.place_id AND a.version = 1 AND a.citizen_id = who)
                AND NOT EXISTS (SELECT FROM matter AS o WHERE o.id = m.appeals AND o.opened_by = who)
                AND NOT EXISTS (SELECT FROM decision AS d WHERE d.matter_id IN (m.id, m.appeals) AND d.decided_by = who)))
$$;

-- What waits for the caller: as a referent, and suggestions to places that he or she keeps. commune: of one only, or NULL.
CREATE FUNCTION citizens.queue(key bytea, at timestamptz, commune text)
RETURNS TABLE (id uuid, kind text, place_id uuid, commune_code text, reason text, note text, proposed jsonb, of_version integer,
               appeals uuid, opener text, opened_at timestamptz, state text, place jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(queue.key, queue.at, 'moderate') AS id)
    SELECT m.id, m.kind, m.place_id, m.commune_code, m.reason, m.note, m.proposed, m.of_version, m.appeals, c.display_name, m.opened_at, m.state,
           people.content_of(m.place_id)
    FROM who CROSS JOIN matter AS m LEFT JOIN citizen AS c ON c.id = m.opened_by
    WHERE m.state IN ('open', 'seconding') AND (commune IS NULL OR m.commune_code = commune)
      AND people.may_decide(who.id, m)
    ORDER BY m.opened_at, m.id LIMIT 200
$$;

-- How it stands where the caller decides: a row for each commune or department of his or hers; of everywhere only what waits and what was
-- decided, since counting all takes long. stale_on: what nobody wrote or confirmed since that day.
CREATE FUNCTION citizens.figures(key bytea, at timestamptz, stale_on date)
RETURNS TABLE (scope text, code text, name text, places bigint, by_citizens bigint, added bigint, stale bigint, held bigint,
               waiting bigint, waiting_since timestamptz, decided bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(figures.key, figures.at, 'moderate') AS id),
    own AS (SELECT r.scope, r.code FROM who JOIN role AS r ON r.citizen_id = who.id AND r.scope <> 'operator'),
    active AS (SELECT v.id FROM geoplatform.vintage AS v WHERE v.state = 'active')
    SELECT own.scope, own.code,
           CASE own.scope WHEN 'commune' THEN (SELECT c.name FROM geoplatform.commune AS c JOIN active AS v ON v.id = c.vintage_id WHERE c.code = own.code)
                          WHEN 'department' THEN (SELECT d.name FROM geoplatform.department AS d JOIN active AS v ON v.id = d.vintage_id WHERE d.code = own.code)
           END,
           here.places, here.by_citizens, here.added, here.stale, here.held, matters.waiting, matters.since, matters.decided
    FROM own
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE geoplatform.is_public(p.status, p.visibility)) AS places,
               count(*) FILTER (WHERE geoplatform.is_public(p.status, p.visibility) AND p.source = 'citizen') AS by_citizens,
               count(*) FILTER (WHERE geoplatform.is_public(p.status, p.visibility) AND p.source = 'citizen'
                                  AND p.created_at > figures.at - interval '30 days') AS added,
               count(*) FILTER (WHERE geoplatform.is_public(p.status, p.visibility) AND p.source <> 'synthetic'
                                  AND greatest((p.modified_at AT TIME ZONE 'UTC')::date, k.confirmed_on) < figures.stale_on) AS stale,
               count(*) FILTER (WHERE p.status = 'held') AS held
        FROM active AS v
        JOIN geoplatform.placement AS l ON l.vintage_id = v.id
             AND l.commune_code IN (SELECT c.code FROM geoplatform.commune AS c WHERE c.vintage_id = v.id
                                    AND CASE own.scope WHEN 'commune' THEN c.code ELSE c.department_code END = own.code)
        JOIN geoplatform.place AS p ON p.id = l.place_id
        LEFT JOIN geoplatform.confirmation AS k ON k.place_id = p.id
    ) AS here ON own.scope <> 'all'
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE m.state IN ('open', 'seconding')) AS waiting,
               min(m.opened_at) FILTER (WHERE m.state IN ('open', 'seconding')) AS since,
               count(*) FILTER (WHERE EXISTS (SELECT FROM decision AS d WHERE d.matter_id = m.id AND d.decided_at > figures.at - interval '30 days')) AS decided
        FROM matter AS m
        WHERE own.scope = 'all' OR (own.scope = 'commune' AND m.commune_code = own.code)
              OR (own.scope = 'department' AND department_of(m.commune_code) = own.code)
    ) AS matters
    ORDER BY own.scope, own.code
$$;

-- Decides. accepts: whether what was brought up is right. action: of a report that is, what is done about it (none, hidden, deleted,
-- redacted). Returns the matter's state: seconding where a second referent has to agree to a deletion, the place being hidden meanwhile.
-- GP404 for what does not wait for the caller; GP412 where a suggestion is about an earlier version of the place.
CREATE FUNCTION citizens.decide(key bytea, at timestamptz, of_id uuid, accepts boolean, wanted text, reason text, note text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    who uuid := citizen(key, at, 'moderate');
    m people.matter;
    appealed record;
    p jsonb;
    outcome text := CASE WHEN accepts THEN 'accepted' ELSE 'refused' END;
    action text := 'none';
    new_state text;
BEGIN
    SELECT q.* INTO m FROM matter AS q WHERE q.id = of_id AND q.state IN ('open', 'seconding') FOR UPDATE;
    IF NOT FOUND OR NOT may_decide(who, m) THEN
        PERFORM refuse(404, 'unknown_task', jsonb_build_object('identifier', of_id));
    ELSIF wanted IS NOT NULL AND (m.kind <> 'report' OR NOT accepts) THEN
        PERFORM refuse(422, 'not_an_action_here', jsonb_build_object('parameter', 'action'));
    END IF;
    new_state := outcome;
    IF m.kind = 'first' THEN
        action := CASE WHEN accepts THEN 'published' ELSE 'hidden' END;
        UPDATE citizen AS c SET accepted = c.accepted + 1 WHERE accepts AND c.id = m.opened_by;
        UPDATE matter AS q SET state = outcome WHERE q.id = m.id;  -- before the status: consents look at it
        IF (SELECT q.status FROM geoplatform.place AS q WHERE q.id = m.place_id) = 'held' THEN
            PERFORM geoplatform.set_status(m.place_id, action, at, 'referent', NULL);
        END IF;
    ELSIF m.kind = 'suggestion' AND accepts THEN
        action := 'applied';
        PERFORM geoplatform.require_editable(m.place_id, who, m.of_version);
        p := m.proposed;
        PERFORM geoplatform.change_place(
            m.place_id, p ->> 'kind', p ->> 'category', p ->> 'name', p ->> 'description', p ->> 'address', p ->> 'phone', p ->> 'website',
            p ->> 'opening_hours', p ->> 'stage', (p ->> 'starts_on')::date, (p ->> 'ends_on')::date, NULL, NULL,
            (p ->> 'lon')::double precision, (p ->> 'lat')::double precision, at, 'citizen', coalesce(m.opened_by, who), false);
    ELSIF m.kind = 'claim' AND accepts THEN
        action := 'granted';
        PERFORM require_public(m.place_id);
        INSERT INTO keeper (place_id, citizen_id, since) SELECT m.place_id, m.opened_by, at WHERE m.opened_by IS NOT NULL ON CONFLICT DO NOTHING;
    ELSIF m.kind = 'report' AND accepts THEN
        action := coalesce(wanted, 'none');
        IF action <> 'none' AND (SELECT q.source FROM geoplatform.place AS q WHERE q.id = m.place_id) = 'register' THEN
            PERFORM refuse(409, 'of_register');
        ELSIF action = 'deleted' AND m.state = 'open' THEN
            outcome := 'deletion_proposed';
            new_state := 'seconding';
            action := 'hidden';
        END IF;
        IF action = 'redacted' THEN
            UPDATE geoplatform.place_version AS v SET is_redacted = true WHERE v.place_id = m.place_id;
        ELSIF action <> 'none' THEN
            PERFORM geoplatform.set_status(m.place_id, action, at, 'referent', NULL);
        ELSIF m.state = 'seconding' THEN
            PERFORM people.show_again(m.place_id, at, 'hidden');
        END IF;
    ELSIF m.kind = 'report' AND m.state = 'seconding' THEN
        action := 'restored';
        PERFORM people.show_again(m.place_id, at, 'hidden');
    ELSIF m.kind = 'appeal' AND accepts THEN
        SELECT q.kind, (SELECT d.action FROM decision AS d WHERE d.matter_id = q.id ORDER BY d.seq DESC LIMIT 1) AS action INTO appealed
        FROM matter AS q WHERE q.id = m.appeals;
        IF appealed.action IN ('hidden', 'deleted') THEN
            action := 'restored';
            UPDATE matter AS q SET state = 'accepted' WHERE q.id = m.appeals AND q.kind = 'first';  -- it was let through after all
            PERFORM people.show_again(m.place_id, at, appealed.action);
        ELSE  -- what was refused is looked at anew
            UPDATE matter AS q SET state = 'open' WHERE q.id = m.appeals AND q.state = 'refused'
                AND NOT EXISTS (SELECT FROM matter AS o WHERE o.place_id = q.place_id AND o.kind = q.kind AND o.state = 'open'
                                AND o.opened_by IS NOT DISTINCT FROM q.opened_by);
        END IF;
    END IF;
    UPDATE matter AS q SET state = new_state WHERE q.id = m.id;
    INSERT INTO decision (matter_id, decided_by, outcome, action, reason, note, decided_at)
    VALUES (m.id, who, outcome, action, reason, note, at);
    RETURN new_state;
END
$$;

-- A place that referents hid or deleted is shown again, if its contributor agrees to that and its content is still there.
CREATE FUNCTION people.show_again(of_place uuid, at timestamptz, from_status text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
BEGIN
    IF (SELECT p.status FROM geoplatform.place AS p WHERE p.id = of_place AND p.name <> '—') = from_status THEN
        PERFORM geoplatform.set_status(of_place, status_of(of_place), at, 'citizen', NULL);
    END IF;
END
$$;

-- What the caller brought up, and what was brought up about places that he or she keeps, with the decisions. Who reported is not told,
-- nor what else a report says.
CREATE FUNCTION citizens.matters(key bytea, at timestamptz)
RETURNS TABLE (id uuid, kind text, place_id uuid, place_name text, reason text, note text, state text, opened_at timestamptz, is_mine boolean,
               decisions jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(matters.key, matters.at, 'read') AS id)
    SELECT m.id, m.kind, m.place_id, CASE WHEN geoplatform.is_public(p.status, p.visibility) OR keeps(who.id, p.id) THEN p.name END, m.reason, CASE WHEN m.opened_by = who.id OR m.kind = 'suggestion' THEN m.note END, m.state, m.opened_at,
           m.opened_by IS NOT DISTINCT FROM who.id,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('outcome', d.outcome, 'action', d.action, 'reason', d.reason, 'note', d.note,
                                                         'decided_at', d.decided_at) ORDER BY d.seq), '[]')
            FROM decision AS d WHERE d.matter_id = m.id)
    FROM who
    JOIN matter AS m ON m.opened_by = who.id OR m.place_id IN (SELECT k.place_id FROM keeper AS k WHERE k.citizen_id = who.id)
    JOIN geoplatform.place AS p ON p.id = m.place_id
    ORDER BY m.opened_at DESC, m.id
$$;

RESET ROLE;
