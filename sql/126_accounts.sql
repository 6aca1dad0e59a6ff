-- Accounts: how somebody signs in and out, and what they say of themselves. Called by the web with secrets that it was shown or made
-- itself; only their SHA-256 comes here.
SET ROLE geoplatform_owner;

CREATE VIEW published.consent_texts AS
SELECT DISTINCT ON (t.purpose) t.purpose, t.version, t.text_fr, t.text_en FROM people.consent_text AS t ORDER BY t.purpose, t.version DESC;
COMMENT ON VIEW published.consent_texts IS 'What citizens are asked to agree to, in the words in force.';
COMMENT ON COLUMN published.consent_texts.purpose IS 'publication, credit or digest.';
COMMENT ON COLUMN published.consent_texts.version IS 'Day of this wording.';
COMMENT ON COLUMN published.consent_texts.text_fr IS 'The words, in French.';
COMMENT ON COLUMN published.consent_texts.text_en IS 'The words, in English.';

CREATE VIEW published.settings AS
SELECT s.name, s.value FROM people.setting AS s
WHERE s.name IN ('counted_from', 'link_minutes', 'session_days', 'sign_ins_days', 'deleted_days');
COMMENT ON VIEW published.settings IS 'How long something is kept and from how many on it is counted: what the privacy page tells.';
COMMENT ON COLUMN published.settings.name IS 'Name of the setting.';
COMMENT ON COLUMN published.settings.value IS 'Its value, in what its name says.';

-- Keeps a link that is about to be mailed. GP429 where this address was sent too many.
CREATE FUNCTION people.keep_link(secret_sha256 bytea, email text, language text, for_citizen uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = people, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(lower(email), 1));  -- two at once count each other
    DELETE FROM sign_in_link AS l WHERE l.expires_at < at - interval '1 day';
    IF (SELECT count(*) FROM sign_in_link AS l WHERE lower(l.email) = lower(keep_link.email) AND l.asked_at > at - interval '1 hour')
       >= value_of('links_an_hour')
    THEN
        PERFORM refuse(429, 'too_many_links');
    END IF;
    INSERT INTO sign_in_link (secret_sha256, email, language, citizen_id, asked_at, expires_at)
    VALUES (secret_sha256, email, language, for_citizen, at, at + make_interval(mins => value_of('link_minutes')));
END
$$;

CREATE FUNCTION citizens.ask_link(secret_sha256 bytea, email text, language text, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$ SELECT keep_link(secret_sha256, email, language, NULL, at) $$;

-- Wants to be reached at another address from the moment on that the link mailed there is shown (confirm_address). The answer is the same
-- whether that address has an account or not.
CREATE FUNCTION citizens.ask_address(key bytea, at timestamptz, secret_sha256 bytea, email text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := signed_in(key, at, 'contribute');
    spoken text;
BEGIN
    SELECT c.language INTO spoken FROM citizen AS c WHERE c.id = who;
    PERFORM keep_link(secret_sha256, email, spoken, who, at);
    RETURN spoken;
END
$$;

-- Shows the link that was mailed to the new address, in the account that asked for it. GP401 for any other; GP409 if the address has an
-- account by now.
CREATE FUNCTION citizens.confirm_address(key bytea, at timestamptz, link_sha256 bytea, agent text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := signed_in(key, at, 'contribute');
    new_email text;
BEGIN
    UPDATE sign_in_link AS l SET used_at = at
    WHERE l.secret_sha256 = link_sha256 AND l.citizen_id = who AND l.used_at IS NULL AND l.expires_at > at RETURNING l.email INTO new_email;
    IF NOT FOUND THEN
        PERFORM refuse(401, 'others_link');
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(lower(new_email), 1));
    IF EXISTS (SELECT FROM contact AS k WHERE lower(k.email) = lower(new_email) AND k.citizen_id <> who) THEN
        PERFORM refuse(409, 'address_taken');
    END IF;
    INSERT INTO contact AS k (citizen_id, email, verified_at) VALUES (who, new_email, at)
    ON CONFLICT (citizen_id) DO UPDATE SET email = EXCLUDED.email, verified_at = EXCLUDED.verified_at;
    PERFORM note_sign_in(who, 'email_changed', agent, at);
END
$$;

CREATE FUNCTION people.note_sign_in(of_citizen uuid, event text, agent text, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = people, pg_temp
AS $$
    DELETE FROM sign_in AS s WHERE s.citizen_id = of_citizen AND s.occurred_at < at - make_interval(days => value_of('sign_ins_days'));
    INSERT INTO sign_in (citizen_id, occurred_at, event, agent) VALUES (of_citizen, at, event, agent);
$$;

CREATE FUNCTION people.begin_session(session_id uuid, session_sha256 bytea, of_citizen uuid, agent text, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = people, pg_temp
AS $$
    DELETE FROM session AS s WHERE s.citizen_id = of_citizen AND s.expires_at < at;
    INSERT INTO session (id, secret_sha256, citizen_id, agent, begun_at, expires_at)
    VALUES (session_id, session_sha256, of_citizen, agent, at, at + make_interval(days => value_of('session_days')));
$$;

-- Uses a mailed link: whoever holds it is the owner of the address. An account is made where there is none (citizen_id and
-- display_name are then its). Returns whether it is new, and until when the session holds. GP401 for a link that is unknown, used, or too old; once used it is of no use.
CREATE FUNCTION citizens.use_link(
    link_sha256 bytea, session_id uuid, session_sha256 bytea, citizen_id uuid, display_name text, agent text, at timestamptz)
RETURNS TABLE (is_new boolean, session_expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    link record;
    who uuid;
BEGIN
    is_new := false;
    UPDATE sign_in_link AS l SET used_at = at
    WHERE l.secret_sha256 = link_sha256 AND l.citizen_id IS NULL AND l.used_at IS NULL AND l.expires_at > at
    RETURNING l.email, l.language INTO link;
    IF NOT FOUND THEN
        PERFORM refuse(401, 'used_link');
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(lower(link.email), 1));
    SELECT c.citizen_id INTO who FROM contact AS c WHERE lower(c.email) = lower(link.email);
    IF NOT FOUND THEN
        who := citizen_id;
        is_new := true;
        INSERT INTO citizen (id, display_name, language, joined_on) VALUES (who, display_name, link.language, (at AT TIME ZONE 'UTC')::date);
        INSERT INTO contact (citizen_id, email, verified_at) VALUES (who, link.email, at);
    END IF;
    PERFORM begin_session(session_id, session_sha256, who, agent, at);
    PERFORM note_sign_in(who, CASE WHEN is_new THEN 'joined' ELSE 'signed_in' END, agent, at);
    session_expires_at := at + make_interval(days => value_of('session_days'));
    RETURN NEXT;
END
$$;

-- The same for whom an OpenID Connect provider vouches. email: one that the provider has verified, else NULL.
CREATE FUNCTION citizens.use_identity(
    issuer text, subject text, email text, session_id uuid, session_sha256 bytea, citizen_id uuid, display_name text, language text,
    agent text, at timestamptz)
RETURNS TABLE (is_new boolean, session_expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    who uuid;
BEGIN
    is_new := false;
    PERFORM pg_advisory_xact_lock(hashtextextended(issuer || ' ' || subject, 2));
    PERFORM pg_advisory_xact_lock(hashtextextended(lower(email), 1));
    SELECT i.citizen_id INTO who FROM identity AS i WHERE i.issuer = use_identity.issuer AND i.subject = use_identity.subject;
    IF NOT FOUND THEN
        SELECT c.citizen_id INTO who FROM contact AS c WHERE lower(c.email) = lower(use_identity.email);
        IF NOT FOUND THEN
            who := citizen_id;
            is_new := true;
            INSERT INTO citizen (id, display_name, language, joined_on) VALUES (who, display_name, language, (at AT TIME ZONE 'UTC')::date);
            IF email IS NOT NULL THEN
                INSERT INTO contact (citizen_id, email, verified_at) VALUES (who, email, at);
            END IF;
        END IF;
        INSERT INTO identity (issuer, subject, citizen_id) VALUES (issuer, subject, who);
    END IF;
    PERFORM begin_session(session_id, session_sha256, who, agent, at);
    PERFORM note_sign_in(who, CASE WHEN is_new THEN 'joined' ELSE 'signed_in' END, agent, at);
    session_expires_at := at + make_interval(days => value_of('session_days'));
    RETURN NEXT;
END
$$;

-- Ends a session: this one, or another of the same citizen by its number. GP404 if he or she has no such session; GP403 for a token.
CREATE FUNCTION citizens.end_session(key bytea, at timestamptz, session_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := signed_in(key, at, 'read');
    ended record;
BEGIN
    DELETE FROM session AS s
    WHERE s.citizen_id = who AND CASE WHEN session_id IS NULL THEN s.secret_sha256 = key ELSE s.id = session_id END RETURNING s.agent INTO ended;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_session', jsonb_build_object('identifier', session_id));
    END IF;
    PERFORM note_sign_in(who, 'signed_out', ended.agent, at);
END
$$;

-- Who the key's owner is. Raises GP401 and GP403 as people.caller does.
CREATE FUNCTION citizens.me(key bytea, at timestamptz)
RETURNS TABLE (id uuid, display_name text, email text, home_commune text, language text, state text, joined_on date,
               roles jsonb, consents jsonb, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT c.id, c.display_name, k.email, c.home_commune, c.language, c.state, c.joined_on,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('role', CASE r.scope WHEN 'operator' THEN 'operator' ELSE 'referent' END, 'scope', r.scope, 'code', nullif(r.code, ''))
                                      ORDER BY r.scope, r.code), '[]') FROM role AS r WHERE r.citizen_id = c.id),
           (SELECT coalesce(jsonb_object_agg(p.purpose, agrees(c.id, p.purpose)), '{}')
            FROM (SELECT DISTINCT t.purpose FROM consent_text AS t) AS p),
           (SELECT s.id FROM session AS s WHERE s.secret_sha256 = me.key)
    FROM citizen AS c LEFT JOIN contact AS k ON k.citizen_id = c.id
    WHERE c.id = people.citizen(me.key, me.at, 'read')
$$;

-- Changes what is given; NULL leaves it. home: '' for none.
CREATE FUNCTION citizens.change_me(key bytea, at timestamptz, display_name text, home text, language text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'contribute');
BEGIN
    IF home <> '' AND NOT EXISTS (SELECT FROM published.communes AS c WHERE c.code = home) THEN
        PERFORM refuse(422, 'not_a_commune', jsonb_build_object('parameter', 'home_commune'));
    END IF;
    UPDATE citizen AS c
    SET display_name = coalesce(change_me.display_name, c.display_name),
        home_commune = CASE WHEN home IS NULL THEN c.home_commune ELSE nullif(home, '') END,
        language = coalesce(change_me.language, c.language)
    WHERE c.id = who;
END
$$;

-- Agrees to a purpose in the words of that version, or takes it back. GP422 if there are no such words.
CREATE FUNCTION citizens.give_consent(key bytea, at timestamptz, purpose text, text_version date, is_given boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    who uuid := CASE WHEN is_given THEN citizen(key, at, 'contribute') ELSE withdrawer(key, at) END;
    words date;
BEGIN
    SELECT max(t.version) INTO words FROM consent_text AS t WHERE t.purpose = give_consent.purpose;
    IF words IS NULL THEN
        PERFORM refuse(404, 'unknown_consent', jsonb_build_object('identifier', purpose));
    ELSIF is_given AND text_version IS DISTINCT FROM words THEN
        PERFORM refuse(422, 'other_words', jsonb_build_object('parameter', 'version', 'version', words));
    END IF;
    PERFORM FROM citizen AS c WHERE c.id = who FOR UPDATE;
    IF agrees(who, purpose) <> is_given THEN
        INSERT INTO consent (citizen_id, purpose, text_version, is_given, occurred_at) VALUES (who, purpose, words, is_given, at);
    END IF;
END
$$;

-- The status of a contribution that nobody deleted or hid: withheld without its contributor's consent, held while it waits for a first look,
-- hidden where that was refused.
CREATE FUNCTION people.status_of(of_place uuid) RETURNS text
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$
    SELECT CASE WHEN NOT coalesce((SELECT agrees(a.citizen_id, 'publication') FROM author AS a WHERE a.place_id = of_place AND a.version = 1), true)
                THEN 'withheld'
                WHEN EXISTS (SELECT FROM matter AS m WHERE m.place_id = of_place AND m.kind = 'first' AND m.state = 'refused') THEN 'hidden'
                WHEN EXISTS (SELECT FROM matter AS m WHERE m.place_id = of_place AND m.kind = 'first' AND m.state = 'open') THEN 'held'
                ELSE 'published' END
$$;

-- A citizen's contributions are shown as long as he or she agrees to it. A trigger, so that no way of writing consents can forget it.
CREATE FUNCTION people.follow_consent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    one record;
BEGIN
    IF NEW.purpose <> 'publication' THEN
        RETURN NULL;
    END IF;
    FOR one IN
        SELECT p.id, status_of(p.id) AS status
        FROM author AS a JOIN geoplatform.place AS p ON p.id = a.place_id
        WHERE a.citizen_id = NEW.citizen_id AND a.version = 1
          AND p.status = ANY (CASE WHEN NEW.is_given THEN ARRAY['withheld'] ELSE ARRAY['published', 'held'] END)
        ORDER BY p.id
    LOOP
        PERFORM geoplatform.set_status(one.id, one.status, NEW.occurred_at, 'citizen', NEW.citizen_id);
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER consent_followed AFTER INSERT ON people.consent FOR EACH ROW EXECUTE FUNCTION people.follow_consent();

-- Keeps a token that a citizen made. GP403 for more than he or she may have, and for a token.
CREATE FUNCTION citizens.make_token(
    key bytea, at timestamptz, token_id uuid, token_sha256 bytea, label text, scopes text[], expires_at timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := signed_in(key, at, 'read');
BEGIN
    PERFORM FROM citizen AS c WHERE c.id = who FOR UPDATE;
    DELETE FROM token AS t WHERE t.citizen_id = who AND t.expires_at <= at;
    IF (SELECT count(*) FROM token AS t WHERE t.citizen_id = who) >= value_of('tokens_each') THEN
        PERFORM refuse(403, 'too_many_tokens');
    END IF;
    INSERT INTO token (id, secret_sha256, citizen_id, label, scopes, created_at, expires_at)
    VALUES (token_id, token_sha256, who, label, scopes, at, expires_at);
    PERFORM note_sign_in(who, 'token_made', label, at);
END
$$;

-- Makes a token useless: any of one's own for who has signed in, itself alone for a token (one that leaked ends itself, and shuts out no
-- other). GP404 if there is no such token; GP403 for another than itself.
CREATE FUNCTION citizens.revoke_token(key bytea, at timestamptz, token_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
DECLARE
    who uuid := citizen(key, at, 'read');
    gone record;
BEGIN
    IF NOT EXISTS (SELECT FROM token AS t WHERE t.id = token_id AND t.secret_sha256 = key) THEN
        PERFORM signed_in(key, at, 'read');
    END IF;
    DELETE FROM token AS t WHERE t.citizen_id = who AND t.id = token_id RETURNING t.label INTO gone;
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_token', jsonb_build_object('identifier', token_id));
    END IF;
    PERFORM note_sign_in(who, 'token_revoked', gone.label, at);
END
$$;

CREATE FUNCTION citizens.tokens(key bytea, at timestamptz)
RETURNS TABLE (id uuid, label text, scopes text[], created_at timestamptz, expires_at timestamptz, is_this boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT t.id, t.label, t.scopes, t.created_at, t.expires_at, t.secret_sha256 = tokens.key
    FROM token AS t WHERE t.citizen_id = people.citizen(tokens.key, tokens.at, 'read') AND t.expires_at > tokens.at ORDER BY t.created_at, t.id
$$;

CREATE FUNCTION citizens.sessions(key bytea, at timestamptz)
RETURNS TABLE (id uuid, agent text, begun_at timestamptz, expires_at timestamptz, is_this boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT s.id, s.agent, s.begun_at, s.expires_at, s.secret_sha256 = sessions.key
    FROM session AS s WHERE s.citizen_id = people.citizen(sessions.key, sessions.at, 'read') AND s.expires_at > sessions.at
    ORDER BY s.begun_at DESC, s.id
$$;

CREATE FUNCTION citizens.sign_ins(key bytea, at timestamptz)
RETURNS TABLE (occurred_at timestamptz, event text, agent text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT s.occurred_at, s.event, s.agent
    FROM sign_in AS s WHERE s.citizen_id = people.citizen(sign_ins.key, sign_ins.at, 'read') ORDER BY s.seq DESC
$$;

RESET ROLE;
