-- Changes between states of released files: chains of numbered diffs, each bound to the one before by its hash. The files lie
-- beside the releases; a number counts once it stands here.
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.diff (
    dataset text NOT NULL,
    chain text NOT NULL CHECK (chain ~ '^[a-z][A-Za-z0-9.-]*$'),
    licence text NOT NULL,
    seq integer NOT NULL CHECK (seq >= 0),
    from_sha256 text CHECK (from_sha256 ~ '^[0-9a-f]{64}$'),
    to_sha256 text NOT NULL CHECK (to_sha256 ~ '^[0-9a-f]{64}$'),
    from_rows bigint CHECK (from_rows >= 0),
    to_rows bigint NOT NULL CHECK (to_rows >= 0),
    prev text CHECK (prev ~ '^[0-9a-f]{64}$'),
    sha256 text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bigint CHECK (bytes > 0),
    created bigint NOT NULL CHECK (created >= 0),
    modified bigint NOT NULL CHECK (modified >= 0),
    deleted bigint NOT NULL CHECK (deleted >= 0),
    cut_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'withdrawn')),
    PRIMARY KEY (chain, seq),
    -- A beginning has no diff: whoever follows takes the release.
    CHECK (num_nulls(from_sha256, from_rows, sha256, bytes) IN (0, 4))
);
COMMENT ON TABLE geoplatform.diff IS 'Every state of a file of features that was published, with the diff that leads to it.';
CREATE INDEX diff_dataset ON geoplatform.diff (dataset, chain, seq);

CREATE VIEW published.diffs AS
SELECT d.dataset, d.chain, d.licence, d.seq, d.from_sha256, d.to_sha256, d.from_rows, d.to_rows, d.prev, d.sha256, d.bytes,
       d.created, d.modified, d.deleted, d.cut_at, d.published_at, d.state
FROM geoplatform.diff AS d;
COMMENT ON VIEW published.diffs IS 'Numbered states of released files of features, with the diffs between them.';
COMMENT ON COLUMN published.diffs.dataset IS 'The dataset whose files it is about.';
COMMENT ON COLUMN published.diffs.chain IS 'Which of its files: their name without ending.';
COMMENT ON COLUMN published.diffs.licence IS 'SPDX identifier of the licence of all that is in it.';
COMMENT ON COLUMN published.diffs.seq IS 'Number of the state in its chain, from 0 without gaps.';
COMMENT ON COLUMN published.diffs.from_sha256 IS 'SHA-256 of the features as lines before, hex; none at a beginning.';
COMMENT ON COLUMN published.diffs.to_sha256 IS 'SHA-256 of the features as lines afterwards, hex.';
COMMENT ON COLUMN published.diffs.from_rows IS 'Number of features before.';
COMMENT ON COLUMN published.diffs.to_rows IS 'Number of features afterwards.';
COMMENT ON COLUMN published.diffs.prev IS 'SHA-256 of the diff before, hex; none after a beginning.';
COMMENT ON COLUMN published.diffs.sha256 IS 'SHA-256 of the diff, hex; none at a beginning.';
COMMENT ON COLUMN published.diffs.bytes IS 'Size of the diff in bytes.';
COMMENT ON COLUMN published.diffs.created IS 'Number of features that came.';
COMMENT ON COLUMN published.diffs.modified IS 'Number of features that changed.';
COMMENT ON COLUMN published.diffs.deleted IS 'Number of features that went.';
COMMENT ON COLUMN published.diffs.cut_at IS 'The moment its content was true.';
COMMENT ON COLUMN published.diffs.published_at IS 'Since when it may be downloaded.';
COMMENT ON COLUMN published.diffs.state IS 'kept: it may be downloaded; withdrawn: it was taken back, its numbers stay.';

-- told: [the columns of published.diffs, but published_at and state]. Raises 23505 for a number that is there.
CREATE FUNCTION published.register_diffs(told jsonb, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
    INSERT INTO diff (dataset, chain, licence, seq, from_sha256, to_sha256, from_rows, to_rows, prev, sha256, bytes, created,
                      modified, deleted, cut_at, published_at)
    SELECT d.dataset, d.chain, d.licence, d.seq, d.from_sha256, d.to_sha256, d.from_rows, d.to_rows, d.prev, d.sha256, d.bytes,
           d.created, d.modified, d.deleted, d.cut_at, at
    FROM jsonb_populate_recordset(NULL::diff, told) AS d
$$;

-- Takes the diffs of a chain back up to a number: their files are no longer served, and are to be deleted.
CREATE FUNCTION published.withdraw_diffs(of_chain text, up_to integer) RETURNS void
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, pg_temp
AS $$ UPDATE diff AS d SET state = 'withdrawn' WHERE d.chain = of_chain AND d.seq <= up_to AND d.state = 'kept' $$;

RESET ROLE;
