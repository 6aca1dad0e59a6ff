-- Where contributions went, and who is told of what changes where.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.fetch_count (
    release_id integer NOT NULL REFERENCES geoplatform.release,
    name text NOT NULL,
    fetched_on date NOT NULL,
    fetches bigint NOT NULL CHECK (fetches > 0),
    PRIMARY KEY (release_id, name, fetched_on)
);
COMMENT ON TABLE geoplatform.fetch_count IS 'How often each file of a release was fetched on a day. By whom is kept nowhere.';

-- Adds fetches: [{dataset, release, name, fetches}].
CREATE FUNCTION published.count_fetches(told jsonb, fetched_on date) RETURNS void
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    INSERT INTO fetch_count AS c (release_id, name, fetched_on, fetches)
    SELECT r.id, f.name, count_fetches.fetched_on, t.fetches
    FROM jsonb_to_recordset(told) AS t (dataset text, release text, name text, fetches bigint)
    JOIN release AS r ON r.dataset = t.dataset AND r.name = t.release
    JOIN release_file AS f ON f.release_id = r.id AND f.name = t.name
    ORDER BY r.id, f.name  -- two at once wait for each other in one order
    ON CONFLICT (release_id, name, fetched_on) DO UPDATE SET fetches = c.fetches + EXCLUDED.fetches
$$;

-- Which releases held the caller's contributions, under which licence, and how often their files were fetched since then. Of a
-- contribution that release holds which was public when it was cut, in the version that was in force.
CREATE FUNCTION citizens.ledger(key bytea, at timestamptz)
RETURNS TABLE (place_id uuid, name text, dataset text, release text, state text, cut_on date, licence text, files text[], fetches bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$
    WITH who AS MATERIALIZED (SELECT people.citizen(ledger.key, ledger.at, 'read') AS id), mine AS (
        SELECT p.id, p.name AS current_name, p.licence, p.status, p.visibility, p.modified_at AS since, 'infinity'::timestamptz AS until,
               people.commune_of(p.id) AS commune_code
        FROM who JOIN people.author AS a ON a.citizen_id = who.id AND a.version = 1 JOIN place AS p ON p.id = a.place_id
        UNION ALL
        SELECT p.id, p.name, v.licence, v.status, v.visibility, v.valid_from, v.valid_to, v.commune_code
        FROM who JOIN people.author AS a ON a.citizen_id = who.id AND a.version = 1 JOIN place AS p ON p.id = a.place_id
        JOIN place_version AS v ON v.place_id = p.id
    )
    SELECT m.id, m.current_name, r.dataset, r.name, r.state, (r.cut_at AT TIME ZONE 'UTC')::date, m.licence,
           (SELECT array_agg(f.name ORDER BY f.ordinal) FROM release_file AS f WHERE f.release_id = r.id AND f.licence = m.licence),
           (SELECT coalesce(sum(c.fetches), 0)::bigint FROM release_file AS f JOIN fetch_count AS c ON c.release_id = r.id AND c.name = f.name
            WHERE f.release_id = r.id AND f.licence = m.licence)
    FROM mine AS m
    JOIN release AS r ON r.collection = 'places' AND r.cut_at >= m.since AND r.cut_at < m.until
    WHERE is_item(m.status, m.visibility, m.licence)
      AND (r.scope IS NULL
           OR EXISTS (SELECT FROM vintage AS w JOIN commune AS c ON c.vintage_id = w.id AND c.code = m.commune_code
                      WHERE w.year = r.vintage AND w.state <> 'staged'
                        AND r.scope_code = CASE r.scope WHEN 'commune' THEN c.code WHEN 'department' THEN c.department_code
                                                        WHEN 'epci' THEN c.epci_code ELSE c.region_code END))
    ORDER BY r.cut_at DESC, r.dataset, m.id
$$;

-- Wants to be told of what changes: in a commune, in an area (GeoJSON Polygon), of a kind; all that is given must hold. feed_sha256: of the
-- secret in the address of its feed. GP403 for more than one may follow; GP422 for a commune or area that is none.
CREATE FUNCTION citizens.follow(key bytea, at timestamptz, new_id uuid, feed_sha256 bytea, commune text, kind text, area text, by_mail text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, public, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    who uuid := citizen(key, at, 'contribute');
    shape geometry;
BEGIN
    PERFORM FROM citizen AS c WHERE c.id = who FOR UPDATE;
    IF (SELECT count(*) FROM follow AS f WHERE f.citizen_id = who) >= value_of('follows_each') THEN
        PERFORM refuse(403, 'too_many_follows');
    ELSIF by_mail <> 'never' AND NOT agrees(who, 'digest') THEN
        PERFORM refuse(403, 'no_digest');
    ELSIF commune IS NOT NULL AND NOT EXISTS (SELECT FROM published.communes AS c WHERE c.code = commune) THEN
        PERFORM refuse(422, 'not_a_commune', jsonb_build_object('parameter', 'commune_code'));
    END IF;
    IF area IS NOT NULL THEN
        shape := ST_SetSRID(ST_GeomFromGeoJSON(area), 4326);
        IF GeometryType(shape) <> 'POLYGON' OR NOT ST_IsValid(shape) OR ST_IsEmpty(shape) OR ST_NPoints(shape) > 500
           OR NOT ST_Covers(ST_MakeEnvelope(-180, -90, 180, 90, 4326), shape)
        THEN
            PERFORM refuse(422, 'bad_polygon', jsonb_build_object('parameter', 'area', 'limit', 500, 'why', coalesce(ST_IsValidReason(shape), 'empty')));
        END IF;
    END IF;
    INSERT INTO follow (id, citizen_id, feed_sha256, commune_code, kind, area, by_mail, since, mailed_at, mailed_seq)
    VALUES (new_id, who, feed_sha256, commune, kind, shape, by_mail, at, at, (SELECT coalesce(max(l.seq), 0) FROM geoplatform.change AS l));
END
$$;

CREATE FUNCTION citizens.follows(key bytea, at timestamptz)
RETURNS TABLE (id uuid, commune_code text, kind text, area jsonb, by_mail text, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, public, pg_temp
AS $$
    SELECT f.id, f.commune_code, f.kind, ST_AsGeoJSON(f.area, 7)::jsonb, f.by_mail, f.since
    FROM follow AS f WHERE f.citizen_id = people.citizen(follows.key, follows.at, 'read') ORDER BY f.since, f.id
$$;

CREATE FUNCTION citizens.unfollow(key bytea, at timestamptz, of_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
BEGIN
    DELETE FROM follow AS f WHERE f.id = of_id AND f.citizen_id = withdrawer(key, at);
    IF NOT FOUND THEN
        PERFORM refuse(404, 'unknown_follow', jsonb_build_object('identifier', of_id));
    END IF;
END
$$;

-- What a follow is told of, the latest first, one row a place that it covers now or covered before, as the public may know it.
-- after: number of the last change that was told already. net: what has become of the place since then, and not what happened to it
-- last; one that came and went is not told. Positions that are not shown count for nothing: such places are found by their
-- commune alone.
CREATE FUNCTION people.told_to(f people.follow, after bigint, net boolean, most integer)
RETURNS TABLE (seq bigint, operation text, place_id uuid, occurred_on date, name text, kind text, category text)
LANGUAGE sql STABLE
SET search_path = people, public, pg_temp
AS $$
    WITH hit AS MATERIALIZED (
        SELECT c.seq, c.place_id, c.occurred_on, here.is_now, here.was, p.name, p.kind, p.category
        FROM published.changes AS c
        JOIN geoplatform.change AS l ON l.seq = c.seq
        LEFT JOIN geoplatform.place AS q ON q.id = c.place_id
        LEFT JOIN published.places AS p ON p.id = c.place_id
        CROSS JOIN LATERAL (
            SELECT coalesce(p.id IS NOT NULL AND c.operation <> 'delete' AND (f.commune_code IS NULL OR c.commune_code_after = f.commune_code)
                            AND (f.kind IS NULL OR p.kind = f.kind) AND (f.area IS NULL OR ST_Covers(f.area, p.geom)), false) AS is_now,
                   coalesce(c.operation <> 'create' AND (f.commune_code IS NULL OR c.commune_code_before = f.commune_code)
                            AND (f.kind IS NULL OR coalesce(p.kind, q.kind) = f.kind)
                            AND (f.area IS NULL OR (coalesce(q.visibility, 'public') = 'public' AND ST_Covers(f.area, l.geom_before))), false) AS was
        ) AS here
        WHERE c.seq > after AND (here.is_now OR here.was)
    ), last AS (
        SELECT DISTINCT ON (h.place_id) h.* FROM hit AS h ORDER BY h.place_id, h.seq DESC
    ), first AS (
        SELECT DISTINCT ON (h.place_id) h.place_id, h.was FROM hit AS h ORDER BY h.place_id, h.seq
    )
    SELECT t.seq, CASE WHEN NOT t.is_now THEN 'delete' WHEN NOT CASE WHEN net THEN b.was ELSE t.was END THEN 'create' ELSE 'modify' END, t.place_id,
           t.occurred_on, CASE WHEN t.is_now THEN t.name END, CASE WHEN t.is_now THEN t.kind END, CASE WHEN t.is_now THEN t.category END
    FROM last AS t JOIN first AS b ON b.place_id = t.place_id
    WHERE t.is_now OR b.was OR NOT net
    ORDER BY t.seq DESC LIMIT most
$$;

-- What the feed with this secret tells; no row if there is none. Whose it is, is not told.
CREATE FUNCTION published.feed(feed_sha256 bytea)
RETURNS TABLE (id uuid, commune_code text, kind text, has_area boolean, since timestamptz, changes jsonb)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    SELECT f.id, f.commune_code, f.kind, f.area IS NOT NULL, f.since,
           (SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.seq DESC), '[]') FROM told_to(f, 0, false, 100) AS t)
    FROM follow AS f WHERE f.feed_sha256 = feed.feed_sha256
$$;

-- Digests that are due, for the operator's mailer (`geoplatform digests`) and nobody else: one row a follow whose turn it is, without
-- changes where there are none or nobody agrees to be told.
CREATE FUNCTION people.due_digests(at timestamptz, most integer)
RETURNS TABLE (id uuid, email text, language text, commune_code text, kind text, has_area boolean, until_seq bigint, changes jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$
    WITH due AS MATERIALIZED (
        SELECT f.* FROM follow AS f
        WHERE f.by_mail <> 'never' AND f.mailed_at <= at - CASE f.by_mail WHEN 'daily' THEN interval '1 day' ELSE interval '7 days' END
        ORDER BY f.mailed_at, f.id LIMIT most
    )
    SELECT f.id, coalesce(k.email, ''), c.language, f.commune_code, f.kind, f.area IS NOT NULL,
           (SELECT coalesce(max(l.seq), 0) FROM published.changes AS l),
           CASE WHEN c.state = 'active' AND k.email IS NOT NULL AND agrees(c.id, 'digest')
                THEN (SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.seq DESC), '[]')
                      FROM people.follow AS g CROSS JOIN LATERAL told_to(g, g.mailed_seq, true, 100) AS t WHERE g.id = f.id) ELSE '[]' END
    FROM due AS f JOIN citizen AS c ON c.id = f.citizen_id LEFT JOIN contact AS k ON k.citizen_id = c.id
    ORDER BY f.mailed_at, f.id
$$;

CREATE FUNCTION people.digest_mailed(of_id uuid, at timestamptz, until_seq bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = people, pg_temp
AS $$ UPDATE follow AS f SET mailed_at = at, mailed_seq = greatest(f.mailed_seq, until_seq) WHERE f.id = of_id $$;

RESET ROLE;
