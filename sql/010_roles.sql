-- Roles of the platform, least privilege first. They belong to the server, not to one database,
-- so each is made only where it is missing. None has a password: a server that is reached over a
-- network needs one set by its operator (ALTER ROLE geoplatform_web PASSWORD '…').
--
--   geoplatform_owner   owns every table, view and function; used to install and upgrade
--   geoplatform_loader  loads boundaries and registers; reads and writes the private tables
--   geoplatform_web     what the HTTP layer is: the published views and functions, nothing else
--   geoplatform_exporter  cuts releases: the published views, and the register of what was published
--   geoplatform_reader  QGIS and analysts: boundaries and exportable places, read-only and limited by default

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['geoplatform_owner', 'geoplatform_loader', 'geoplatform_web', 'geoplatform_exporter',
                               'geoplatform_reader']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', wanted);
        END IF;
        IF NOT pg_has_role(CURRENT_USER, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
END
$$;

ALTER ROLE geoplatform_web SET statement_timeout = '10s';
ALTER ROLE geoplatform_web SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE geoplatform_web SET jit = off;
ALTER ROLE geoplatform_exporter SET jit = off;
ALTER ROLE geoplatform_reader SET default_transaction_read_only = on;
ALTER ROLE geoplatform_reader SET statement_timeout = '30s';
ALTER ROLE geoplatform_reader SET jit = off;
ALTER ROLE geoplatform_reader CONNECTION LIMIT 20;
