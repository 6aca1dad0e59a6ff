-- `geoplatform` holds what is kept, `published` what may leave. `people` holds who takes part, and `citizens` the functions by which
-- somebody who shows a key reads and writes what is theirs. `queue` holds what workers are to do.
-- The web and the exports reach nothing but `published`, and the web `citizens`: what is in neither cannot leak.

CREATE SCHEMA geoplatform AUTHORIZATION geoplatform_owner;
CREATE SCHEMA published AUTHORIZATION geoplatform_owner;
CREATE SCHEMA people AUTHORIZATION geoplatform_owner;
CREATE SCHEMA citizens AUTHORIZATION geoplatform_owner;
CREATE SCHEMA queue AUTHORIZATION geoplatform_owner;
COMMENT ON SCHEMA geoplatform IS 'What the platform keeps. Private.';
COMMENT ON SCHEMA published IS 'What may leave the platform: the only read path of the web, of QGIS and of the dumps.';
COMMENT ON SCHEMA people IS 'Who takes part, and how they are reached. Private: no role but the owner has any right here.';
COMMENT ON SCHEMA citizens IS 'What somebody may do who shows a key: functions, each of which asks for it first.';
COMMENT ON SCHEMA queue IS 'Jobs that wait for a worker: the tables of procrastinate, as it brings them (store/schema.py). Private.';

SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.installation (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    schema_version integer NOT NULL,
    sql_sha256 text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE geoplatform.installation IS 'One row for each schema version this database has been brought to, with the digest of the SQL files that did it.';

RESET ROLE;
