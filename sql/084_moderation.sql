-- Moderation by commune: what is proposed or reported, and what referents decided. Who it was stays private; that it was decided,
-- where, and for which reason is public.
SET ROLE geoplatform_owner;

CREATE TABLE people.matter (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('first', 'suggestion', 'report', 'claim', 'appeal')),
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    commune_code text COLLATE "C",
    reason text CHECK (reason IN ('closed', 'wrong_place', 'wrong_facts', 'duplicate', 'illegal', 'private_data', 'offensive', 'spam', 'other')),
    note text CHECK (length(note) <= 2000),
    proposed jsonb,
    of_version integer,
    appeals uuid REFERENCES people.matter ON DELETE CASCADE,
    opened_by uuid REFERENCES people.citizen,
    opened_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'seconding', 'accepted', 'refused', 'withdrawn')),
    CHECK ((kind = 'report') = (reason IS NOT NULL)),
    CHECK ((kind = 'suggestion') = (proposed IS NOT NULL)),
    CHECK ((kind = 'appeal') = (appeals IS NOT NULL))
);
COMMENT ON TABLE people.matter IS 'What waits for a referent: a first contribution, a suggestion, a report, a claim, an appeal.';
COMMENT ON COLUMN people.matter.state IS 'seconding: one referent wants the place deleted, a second one has to agree.';
CREATE INDEX matter_waiting ON people.matter (commune_code, opened_at) WHERE state IN ('open', 'seconding');
CREATE INDEX matter_place ON people.matter (place_id);
CREATE INDEX matter_opener ON people.matter (opened_by);

CREATE TABLE people.decision (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    matter_id uuid NOT NULL REFERENCES people.matter ON DELETE CASCADE,
    decided_by uuid REFERENCES people.citizen,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'refused', 'deletion_proposed')),
    action text NOT NULL CHECK (action IN ('none', 'published', 'applied', 'granted', 'hidden', 'deleted', 'redacted', 'restored')),
    reason text NOT NULL CHECK (reason IN ('as_described', 'not_as_described', 'closed', 'wrong_place', 'duplicate', 'illegal', 'private_data',
                                           'offensive', 'spam', 'off_topic', 'not_proven', 'mistaken')),
    note text CHECK (length(note) <= 2000),
    decided_at timestamptz NOT NULL
);
COMMENT ON TABLE people.decision IS 'What a referent decided, and why.';
CREATE INDEX decision_matter ON people.decision (matter_id);
CREATE INDEX decision_citizen ON people.decision (decided_by);

-- The department that an INSEE code begins with: three signs overseas.
CREATE FUNCTION people.department_of(commune_code text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT left(commune_code, CASE WHEN commune_code LIKE '97%' OR commune_code LIKE '98%' THEN 3 ELSE 2 END) $$;

-- Whether somebody decides on what is proposed in a commune. What lies in none is for those who decide everywhere.
CREATE FUNCTION people.decides(citizen uuid, commune text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM role AS r
                   WHERE r.citizen_id = citizen
                     AND (r.scope = 'all' OR (r.scope = 'commune' AND r.code = commune)
                          OR (r.scope = 'department' AND r.code = department_of(commune))))
$$;

RESET ROLE;
