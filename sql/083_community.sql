-- What people have to do with places: who wrote, keeps, appreciates them and takes part. Private: of an appreciation the public
-- knows that there are many, of a participation what the citizen lets it know.
SET ROLE geoplatform_owner;

CREATE TABLE people.author (
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    version integer NOT NULL,
    citizen_id uuid NOT NULL REFERENCES people.citizen,
    PRIMARY KEY (place_id, version)
);
COMMENT ON TABLE people.author IS 'Which citizen made a version of a place; the first is its contributor.';
CREATE INDEX author_citizen ON people.author (citizen_id, place_id);

CREATE TABLE people.keeper (
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    citizen_id uuid NOT NULL REFERENCES people.citizen,
    since timestamptz NOT NULL,
    PRIMARY KEY (place_id, citizen_id)
);
COMMENT ON TABLE people.keeper IS 'Who may change a place: its contributor, and those to whom it was handed over.';
CREATE INDEX keeper_citizen ON people.keeper (citizen_id, place_id);

CREATE TABLE people.credit (
    place_id uuid PRIMARY KEY REFERENCES geoplatform.place ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80)
);
COMMENT ON TABLE people.credit IS 'The name that a contributor who left wanted to be kept beside a place.';

CREATE TABLE people.appreciation (
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    citizen_id uuid NOT NULL REFERENCES people.citizen,
    since timestamptz NOT NULL,
    PRIMARY KEY (place_id, citizen_id)
);
COMMENT ON TABLE people.appreciation IS 'Who appreciates which place.';
CREATE INDEX appreciation_citizen ON people.appreciation (citizen_id);

-- That a place is still as its page says, told by whoever knows it. Nobody needs to know who that was.
CREATE TABLE geoplatform.confirmation (
    place_id uuid PRIMARY KEY REFERENCES geoplatform.place ON DELETE CASCADE,
    confirmed_on date NOT NULL
);
COMMENT ON TABLE geoplatform.confirmation IS 'When somebody last said that what is written of a place holds.';

CREATE TABLE people.participation (
    id uuid PRIMARY KEY,
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    citizen_id uuid NOT NULL REFERENCES people.citizen,
    role text CHECK (length(role) BETWEEN 1 AND 60),
    state text NOT NULL CHECK (state IN ('requested', 'active', 'ended')),
    is_public boolean NOT NULL DEFAULT false,
    asked_at timestamptz NOT NULL,
    since date,
    until date CHECK (until >= since),
    CHECK (state = 'requested' OR since IS NOT NULL),
    CHECK ((state = 'ended') = (until IS NOT NULL))
);
COMMENT ON TABLE people.participation IS 'Who takes part in which association or project, as what, from when until when.';
CREATE UNIQUE INDEX participation_under_way ON people.participation (place_id, citizen_id) WHERE state <> 'ended';
CREATE INDEX participation_citizen ON people.participation (citizen_id);

-- To whom something is offered is known by the address that a keeper gave: nobody is told whether it has an account.
CREATE TABLE people.invitation (
    id uuid PRIMARY KEY,
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    email text NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('participation', 'keeping')),
    role text CHECK (length(role) BETWEEN 1 AND 60),
    invited_by uuid NOT NULL REFERENCES people.citizen,
    invited_at timestamptz NOT NULL
);
COMMENT ON TABLE people.invitation IS 'Participations and places that were offered to an address; gone once accepted, refused or taken back.';
CREATE UNIQUE INDEX invitation_once ON people.invitation (place_id, lower(email), purpose);
CREATE INDEX invitation_email ON people.invitation (lower(email));

CREATE TABLE people.follow (
    id uuid PRIMARY KEY,
    citizen_id uuid NOT NULL REFERENCES people.citizen,
    feed_sha256 bytea NOT NULL UNIQUE CHECK (length(feed_sha256) = 32),
    commune_code text COLLATE "C" CHECK (commune_code ~ '^[0-9AB]{5}$'),
    kind text CHECK (kind IN ('merchant', 'service', 'association', 'project')),
    area geometry(Polygon, 4326) CHECK (public.ST_IsValid(area)),
    by_mail text NOT NULL DEFAULT 'never' CHECK (by_mail IN ('never', 'daily', 'weekly')),
    since timestamptz NOT NULL,
    mailed_at timestamptz NOT NULL,
    mailed_seq bigint NOT NULL,
    CHECK (commune_code IS NOT NULL OR kind IS NOT NULL OR area IS NOT NULL)
);
COMMENT ON TABLE people.follow IS 'What somebody wants to be told of: changes in a commune or an area, of a kind.';
COMMENT ON COLUMN people.follow.mailed_seq IS 'Last change that a mail told, or that was there when it was asked for.';
CREATE INDEX follow_citizen ON people.follow (citizen_id);
CREATE INDEX follow_mailed ON people.follow (mailed_at) WHERE by_mail <> 'never';

CREATE TABLE people.imported (
    citizen_id uuid NOT NULL REFERENCES people.citizen ON DELETE CASCADE,
    what text NOT NULL CHECK (what IN ('matters', 'decisions')),
    content jsonb NOT NULL
);
COMMENT ON TABLE people.imported IS 'What an archive of another instance tells of decisions there: kept for its owner, in force nowhere.';
CREATE INDEX imported_citizen ON people.imported (citizen_id);

CREATE TABLE people.leaving (
    id uuid PRIMARY KEY,
    left_on date NOT NULL,
    receipt jsonb NOT NULL
);
COMMENT ON TABLE people.leaving IS 'Receipts of those who left: what became of how many contributions, for whoever knows their number.';

RESET ROLE;
