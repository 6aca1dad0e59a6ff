-- What an operator is shown, with numbers and no contribution of anybody; and who decides where.
SET ROLE geoplatform_owner;

-- GP401, and GP403 for whoever is no operator. Returns who it is.
CREATE FUNCTION people.require_operator(key bytea, at timestamptz) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'moderate');
BEGIN
    IF NOT EXISTS (SELECT FROM role AS r WHERE r.citizen_id = who AND r.scope = 'operator') THEN
        PERFORM refuse(403, 'operators_only');
    END IF;
    RETURN who;
END
$$;

CREATE FUNCTION citizens.operation(key bytea, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    PERFORM require_operator(key, at);
    RETURN jsonb_build_object(
        'database_bytes', pg_database_size(current_database()),
        'server', current_setting('server_version'),
        'postgis', public.postgis_lib_version(),
        'schema', published.schema_version(),
        'connections', (SELECT count(*) FROM pg_stat_activity AS a WHERE a.datname = current_database()),
        'citizens', (SELECT count(*) FROM citizen AS c WHERE c.state = 'active'),
        'joined', (SELECT count(*) FROM citizen AS c WHERE c.state = 'active' AND c.joined_on > (at - interval '30 days')::date),
        'suspended', (SELECT count(*) FROM citizen AS c WHERE c.state = 'suspended'),
        'held', (SELECT count(*) FROM matter AS m WHERE m.kind = 'first' AND m.state = 'open'),
        'waiting', (SELECT count(*) FROM matter AS m WHERE m.state IN ('open', 'seconding')),
        'waiting_since', (SELECT min(m.opened_at) FROM matter AS m WHERE m.state IN ('open', 'seconding')),
        'decided', (SELECT count(*) FROM decision AS d WHERE d.decided_at > at - interval '30 days'),
        'links', (SELECT count(*) FROM sign_in_link AS k WHERE k.asked_at > at - interval '1 day'),
        'follows', (SELECT count(*) FROM follow AS f),
        'cuts_waiting', (SELECT count(*) FROM published.cuts AS c WHERE c.state = 'waiting'),
        'cuts_failed', (SELECT count(*) FROM published.cuts AS c WHERE c.state = 'failed' AND c.ended_at > at - interval '7 days'),
        'is_worker_there', EXISTS (SELECT FROM queue.procrastinate_workers AS w WHERE w.last_heartbeat > at - interval '1 minute'));
END
$$;

CREATE FUNCTION citizens.roles(key bytea, at timestamptz)
RETURNS TABLE (id uuid, display_name text, email text, scope text, code text, name text, granted_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.require_operator(roles.key, roles.at) AS id)
    SELECT r.id, c.display_name, k.email, r.scope, r.code,
           CASE r.scope WHEN 'commune' THEN (SELECT m.name FROM geoplatform.commune AS m JOIN geoplatform.vintage AS v ON v.id = m.vintage_id AND v.state = 'active'
                                             WHERE m.code = r.code)
                        WHEN 'department' THEN (SELECT d.name FROM geoplatform.department AS d JOIN geoplatform.vintage AS v ON v.id = d.vintage_id AND v.state = 'active'
                                                WHERE d.code = r.code) END,
           r.granted_at
    FROM who CROSS JOIN role AS r JOIN citizen AS c ON c.id = r.citizen_id LEFT JOIN contact AS k ON k.citizen_id = r.citizen_id
    ORDER BY r.scope, r.code, k.email
$$;

-- Gives somebody who has an account a role. GP404 for an address that nobody has, GP422 for a code that the vintage in force does not have.
CREATE FUNCTION citizens.grant_role(key bytea, at timestamptz, new_id uuid, to_email text, new_scope text, new_code text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    whose uuid;
    there uuid;
BEGIN
    PERFORM require_operator(key, at);
    IF new_scope = 'commune' AND NOT EXISTS (SELECT FROM published.communes AS c WHERE c.code = new_code)
       OR new_scope = 'department' AND NOT EXISTS (SELECT FROM published.departments AS d WHERE d.code = new_code)
    THEN
        PERFORM refuse(422, 'not_a_code_of', jsonb_build_object('parameter', 'code', 'scope', new_scope));
    END IF;
    SELECT k.citizen_id INTO whose FROM contact AS k WHERE lower(k.email) = lower(to_email);
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_citizen', jsonb_build_object('identifier', to_email));
    END IF;
    INSERT INTO role (id, citizen_id, scope, code, granted_at) VALUES (new_id, whose, new_scope, new_code, at)
    ON CONFLICT (citizen_id, scope, code) DO NOTHING;
    SELECT r.id INTO there FROM role AS r WHERE r.citizen_id = whose AND r.scope = new_scope AND r.code = new_code;
    RETURN there;
END
$$;

-- Takes a role back. GP409 of the last operator: nobody would be left to give it again but by the command line.
CREATE FUNCTION citizens.revoke_role(key bytea, at timestamptz, of_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    PERFORM require_operator(key, at);
    LOCK TABLE role IN SHARE ROW EXCLUSIVE MODE;  -- two operators at once, each taking the other's
    IF (SELECT r.scope FROM role AS r WHERE r.id = of_id) = 'operator' AND (SELECT count(*) FROM role AS r WHERE r.scope = 'operator') = 1 THEN
        PERFORM refuse(409, 'last_operator');
    END IF;
    DELETE FROM role AS r WHERE r.id = of_id;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_role', jsonb_build_object('identifier', of_id));
    END IF;
END
$$;

RESET ROLE;
