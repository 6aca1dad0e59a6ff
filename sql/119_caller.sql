-- Who asks. Every function of the schema `citizens` takes the SHA-256 of a key first, and finds out here whose it is: the web, which
-- calls them, cannot act for anybody whose key it was not shown.
SET ROLE geoplatform_owner;

-- Refusals have SQLSTATEs of their own, with the status of HTTP that fits in their last three signs. The message is a code, the detail
-- its facts as JSON: those that its sentences speak of (geoplatform/refusals.py); of 422 the `parameter` at fault, of 404 the `identifier`
-- by which it was asked. Whoever calls tells them from failures (store/engine.py). Example:
-- PERFORM people.refuse(404, 'unknown_place', jsonb_build_object('identifier', of_place));
CREATE FUNCTION people.refuse(status integer, code text, facts jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = code, ERRCODE = 'GP' || status, DETAIL = facts::text;
END
$$;

CREATE TYPE people.caller AS (citizen_id uuid, label text);

-- The citizen whose session or token this is, or the label of an operator's key. scope: read, contribute or moderate; what a session may
-- is not bounded. GP401 for a key that is unknown or no longer holds, GP403 for one that may not.
CREATE FUNCTION people.caller(key bytea, at timestamptz, scope text) RETURNS people.caller
LANGUAGE plpgsql STABLE
SET search_path = people, pg_temp
AS $$
DECLARE
    holder record;
    caller people.caller;
BEGIN
    SELECT s.citizen_id, c.state, NULL::text[] AS scopes INTO holder
    FROM session AS s JOIN citizen AS c ON c.id = s.citizen_id WHERE s.secret_sha256 = key AND s.expires_at > at;
    IF NOT FOUND THEN
        SELECT t.citizen_id, c.state, t.scopes INTO holder
        FROM token AS t JOIN citizen AS c ON c.id = t.citizen_id WHERE t.secret_sha256 = key AND t.expires_at > at;
    END IF;
    IF FOUND THEN
        IF scope <> 'read' AND NOT scope = ANY (holder.scopes) THEN  -- who may do something may read what is his
            PERFORM refuse(403, 'other_scope', jsonb_build_object('scopes', holder.scopes, 'scope', scope));
        ELSIF holder.state = 'suspended' AND scope <> 'read' THEN
            PERFORM refuse(403, 'suspended');
        END IF;
        caller.citizen_id := holder.citizen_id;
        RETURN caller;
    END IF;
    SELECT t.label INTO caller.label
    FROM geoplatform.api_token AS t
    WHERE t.secret_sha256 = key AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > at);
    IF NOT FOUND THEN
        PERFORM refuse(401, 'unknown_key');
    END IF;
    RETURN caller;
END
$$;

-- The same for whoever adds or changes something that others see: it waits for whoever leaves or withdraws a consent at the same moment, who
-- lock the citizen, and sees what they did. Called by functions that look again after it (VOLATILE).
CREATE FUNCTION people.writer(key bytea, at timestamptz) RETURNS people.caller
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
DECLARE
    caller people.caller := caller(key, at, 'contribute');
BEGIN
    IF caller.citizen_id IS NOT NULL THEN
        PERFORM FROM citizen AS c WHERE c.id = caller.citizen_id AND c.state = 'active' FOR KEY SHARE;
        IF NOT FOUND THEN
            PERFORM refuse(401, 'unknown_key');
        END IF;
    END IF;
    RETURN caller;
END
$$;

-- The same where only a person will do.
CREATE FUNCTION people.citizen(key bytea, at timestamptz, scope text) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = people, pg_temp
AS $$
DECLARE
    caller people.caller := caller(key, at, scope);
BEGIN
    IF caller.citizen_id IS NULL THEN
        PERFORM refuse(403, 'people_only');
    END IF;
    RETURN caller.citizen_id;
END
$$;

CREATE FUNCTION people.is_session(key bytea) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$ SELECT EXISTS (SELECT FROM session AS s WHERE s.secret_sha256 = key) $$;

-- The same for what is done by who has signed in, and by no token of any scope: whoever finds a token must not get hold of the account, nor
-- shut its owner out. GP403 for a token.
CREATE FUNCTION people.signed_in(key bytea, at timestamptz, scope text) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, scope);
BEGIN
    IF NOT is_session(key) THEN
        PERFORM refuse(403, 'session_only');
    END IF;
    RETURN who;
END
$$;

-- The same for what takes back something of one's own (a consent, a follow): whoever is suspended may, a token that only reads may not.
CREATE FUNCTION people.withdrawer(key bytea, at timestamptz) RETURNS uuid
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$ SELECT citizen(key, at, CASE WHEN is_session(key) THEN 'read' ELSE 'contribute' END) $$;

-- Whether the key is an operator's. Raises as the others do where it may not do this.
CREATE FUNCTION citizens.is_program(key bytea, at timestamptz, scope text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$ SELECT (people.caller(key, at, scope)).citizen_id IS NULL $$;

-- GP401 and GP403 as people.citizen; for what only reads.
CREATE FUNCTION citizens.require_citizen(key bytea, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    PERFORM citizen(key, at, 'read');
END
$$;

-- The commune in which a place lies now.
CREATE FUNCTION people.commune_of(of_place uuid) RETURNS text
LANGUAGE sql STABLE
SET search_path = geoplatform, pg_temp
AS $$
    SELECT l.commune_code FROM placement AS l
    WHERE l.place_id = of_place AND l.vintage_id = (SELECT v.id FROM vintage AS v WHERE v.state = 'active')
$$;

RESET ROLE;
