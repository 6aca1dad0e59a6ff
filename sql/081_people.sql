-- People: who they are, how they are reached, how they sign in, what they agreed to. Nobody reads this schema: what a citizen may
-- know is told by a function of the schema `citizens` to whom holds their key, and what the public may know is published.
SET ROLE geoplatform_owner;

-- Numbers that an operator may change (`geoplatform settings`).
CREATE TABLE people.setting (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]*$'),
    value integer NOT NULL CHECK (value BETWEEN lowest AND highest),
    lowest integer NOT NULL,
    highest integer NOT NULL,
    meaning text NOT NULL
);
COMMENT ON TABLE people.setting IS 'Numbers that an operator may change, each within its limits.';
INSERT INTO people.setting (name, value, lowest, highest, meaning) VALUES
    ('counted_from', 5, 1, 1000, 'from how many people on an appreciation or participation is counted in public'),
    ('held_first', 1, 0, 100, 'how many contributions of a new account a referent looks at before they are shown'),
    ('held_at_once', 5, 1, 1000, 'how many contributions of a new account may wait for a referent at the same time'),
    ('link_minutes', 20, 1, 1440, 'how long a mailed sign-in link holds'),
    ('links_an_hour', 5, 1, 100, 'how many sign-in links are mailed to one address within an hour'),
    ('session_days', 30, 1, 365, 'how long a session holds'),
    ('sign_ins_days', 90, 1, 730, 'how long it is kept who signed in when'),
    ('deleted_days', 30, 1, 365, 'how long a deleted place can be restored by its keeper'),
    ('tokens_each', 20, 1, 1000, 'how many tokens a citizen may have'),
    ('follows_each', 50, 1, 1000, 'how many communes, kinds and areas a citizen may follow');

CREATE FUNCTION people.value_of(setting_name text) RETURNS integer
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = people, pg_temp
AS $$ SELECT s.value FROM setting AS s WHERE s.name = setting_name $$;

CREATE TABLE people.citizen (
    id uuid PRIMARY KEY,
    display_name text NOT NULL CHECK (length(display_name) <= 80),
    home_commune text COLLATE "C" CHECK (home_commune ~ '^[0-9AB]{5}$'),
    language text NOT NULL CHECK (language IN ('fr', 'en')),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'left')),
    joined_on date NOT NULL,
    accepted integer NOT NULL DEFAULT 0 CHECK (accepted >= 0),
    CHECK ((state = 'left') = (display_name = ''))
);
COMMENT ON TABLE people.citizen IS 'A person with an account. Of one who left, the identifier alone.';
COMMENT ON COLUMN people.citizen.display_name IS 'A name or pseudonym of their choice.';
COMMENT ON COLUMN people.citizen.accepted IS 'How many of their contributions a referent let through.';

CREATE TABLE people.contact (
    citizen_id uuid PRIMARY KEY REFERENCES people.citizen ON DELETE CASCADE,
    email text NOT NULL CHECK (length(email) <= 254 AND email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'),
    verified_at timestamptz NOT NULL
);
COMMENT ON TABLE people.contact IS 'How a citizen is reached. Nothing that is published reads it.';
CREATE UNIQUE INDEX contact_email ON people.contact (lower(email));

CREATE TABLE people.identity (
    issuer text NOT NULL,
    subject text NOT NULL,
    citizen_id uuid NOT NULL REFERENCES people.citizen ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);
COMMENT ON TABLE people.identity IS 'How an OpenID Connect provider calls a citizen.';
CREATE INDEX identity_citizen ON people.identity (citizen_id);

-- Of every secret only its SHA-256 is kept: it has 256 random bits, so a slow hash would add nothing.
CREATE TABLE people.sign_in_link (
    secret_sha256 bytea PRIMARY KEY CHECK (length(secret_sha256) = 32),
    email text NOT NULL,
    language text NOT NULL CHECK (language IN ('fr', 'en')),
    citizen_id uuid REFERENCES people.citizen ON DELETE CASCADE,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
COMMENT ON COLUMN people.sign_in_link.citizen_id IS 'Whose new address it is to confirm; nobody signs in by such a link.';
COMMENT ON TABLE people.sign_in_link IS 'Links that were mailed. Each serves once, and they are dropped a day later.';
CREATE INDEX sign_in_link_email ON people.sign_in_link (lower(email), asked_at);

CREATE TABLE people.session (
    id uuid PRIMARY KEY,
    secret_sha256 bytea NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    citizen_id uuid NOT NULL REFERENCES people.citizen ON DELETE CASCADE,
    agent text NOT NULL CHECK (length(agent) <= 300),
    begun_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE people.session IS 'Browsers in which somebody is signed in.';
CREATE INDEX session_citizen ON people.session (citizen_id);

CREATE TABLE people.token (
    id uuid PRIMARY KEY,
    secret_sha256 bytea NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    citizen_id uuid NOT NULL REFERENCES people.citizen ON DELETE CASCADE,
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'contribute', 'moderate']),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE people.token IS 'Keys that a citizen made for programs of theirs. A revoked one is gone.';
CREATE INDEX token_citizen ON people.token (citizen_id);

CREATE TABLE people.sign_in (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    citizen_id uuid NOT NULL REFERENCES people.citizen ON DELETE CASCADE,
    occurred_at timestamptz NOT NULL,
    event text NOT NULL CHECK (event IN ('joined', 'signed_in', 'signed_out', 'token_made', 'token_revoked', 'email_changed')),
    agent text NOT NULL CHECK (length(agent) <= 300)
);
COMMENT ON TABLE people.sign_in IS 'Who signed in when; dropped after sign_ins_days.';
CREATE INDEX sign_in_citizen ON people.sign_in (citizen_id, occurred_at);

-- What somebody may do for others: a referent of a commune, of a department or of all decides on what is proposed there. An operator
-- sees how the platform is, and says who is a referent; as such he decides on nothing.
CREATE TABLE people.role (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    citizen_id uuid NOT NULL REFERENCES people.citizen ON DELETE CASCADE,
    scope text NOT NULL CHECK (scope IN ('commune', 'department', 'all', 'operator')),
    code text COLLATE "C" NOT NULL,
    granted_at timestamptz NOT NULL,
    UNIQUE (citizen_id, scope, code),
    CHECK (CASE scope WHEN 'commune' THEN code ~ '^[0-9AB]{5}$' WHEN 'department' THEN code ~ '^[0-9AB]{2,3}$' ELSE code = '' END)
);
COMMENT ON TABLE people.role IS 'Referents and where they decide, and operators.';

CREATE TABLE people.consent_text (
    purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('publication', 'credit', 'digest')),
    version date NOT NULL,
    text_fr text NOT NULL,
    text_en text NOT NULL,
    PRIMARY KEY (purpose, version)
);
COMMENT ON TABLE people.consent_text IS 'What is agreed to, word by word. A new wording is a new version.';
INSERT INTO people.consent_text (purpose, version, text_fr, text_en) VALUES
    ('publication', '2026-11-01',
     'Ce que j’ajoute à la carte est montré à tous, sous la licence que je choisis pour chaque contribution. Je peux revenir sur cet accord à tout moment : mes contributions ne sont alors plus montrées.',
     'What I add to the map is shown to everybody, under the licence that I choose for each contribution. I can withdraw this at any time: my contributions are then no longer shown.'),
    ('credit', '2026-11-01',
     'Le nom que j’ai choisi est montré à côté de ce que j’ajoute. Il n’est dans aucun fichier publié.',
     'The name that I chose is shown beside what I add. It is in no published file.'),
    ('digest', '2026-11-01',
     'Je reçois par courriel un résumé de ce qui change là où je le demande.',
     'I get an e-mail that sums up what changes where I ask for it.');

CREATE TABLE people.consent (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    citizen_id uuid NOT NULL REFERENCES people.citizen,
    purpose text COLLATE "C" NOT NULL,
    text_version date NOT NULL,
    is_given boolean NOT NULL,
    occurred_at timestamptz NOT NULL,
    FOREIGN KEY (purpose, text_version) REFERENCES people.consent_text
);
COMMENT ON TABLE people.consent IS 'What was agreed to, and taken back: a row each time. Append-only.';
CREATE INDEX consent_citizen ON people.consent (citizen_id, purpose, seq);

CREATE FUNCTION people.refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are added and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER consent_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON people.consent
    FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_rewriting();

-- Whether somebody agrees to this now.
CREATE FUNCTION people.agrees(to_citizen uuid, to_purpose text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = people, pg_temp
AS $$
    SELECT coalesce((SELECT c.is_given FROM consent AS c WHERE c.citizen_id = to_citizen AND c.purpose = to_purpose
                     ORDER BY c.seq DESC LIMIT 1), false)
$$;

RESET ROLE;
