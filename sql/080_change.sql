-- The append-only change log: source of diffs, ETags and tile invalidation. Append-only by grant:
-- no role but the owner may update or delete here, and no function does.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    operation text NOT NULL CHECK (operation IN ('create', 'modify', 'delete')),
    place_id uuid NOT NULL,
    version integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor text,
    is_told boolean NOT NULL DEFAULT true,
    commune_code_before text COLLATE "C",
    commune_code_after text COLLATE "C",
    geom_before geometry(Point, 4326),
    geom_after geometry(Point, 4326)
);
COMMENT ON TABLE geoplatform.change IS 'Every creation, modification and deletion of a place, numbered.';
COMMENT ON COLUMN geoplatform.change.transaction_id IS
    'Numbers are drawn before their transaction commits, so a reader could skip one: published.changes waits for the '
    'transactions that are still open (docs/adr/0005-change-log.md).';
COMMENT ON COLUMN geoplatform.change.is_told IS 'Whether the public saw the place before or after. Positions are kept of what it saw, and of nothing else.';
COMMENT ON COLUMN geoplatform.change.actor IS 'Label of the key or loader that did it, or `citizen`: which one, people.author tells.';
CREATE INDEX change_place ON geoplatform.change (place_id, version);
CREATE INDEX change_in_commune ON geoplatform.change (commune_code_after, seq);  -- feeds of a commune
CREATE INDEX change_out_of_commune ON geoplatform.change (commune_code_before, seq) WHERE operation <> 'create';

-- Keys that an operator hands to a program. Only the SHA-256 of the secret is kept.
CREATE TABLE geoplatform.api_token (
    id uuid PRIMARY KEY,
    secret_sha256 bytea NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON TABLE geoplatform.api_token IS 'Keys an operator issued. Private.';

RESET ROLE;
