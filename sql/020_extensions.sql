-- What we take from others. PostGIS is not a trusted extension: a superuser installs it, once.

CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;  -- (vintage_id, geom) in one index
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;     -- search of communes by part of a name
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;    -- … typed without accents
