-- Addresses of the Base Adresse Nationale: a place is found by what people call where it is, and nobody else is asked. Streets are
-- what words are searched in, some tens of thousands to a department; a number is then looked up within its street. Both are filled by
-- store.addresses, a department or some communes at a time, and nothing but their own kind refers to them.
SET ROLE geoplatform_owner;

-- Key under which a street is searched: as a commune's name, and with the abbreviations written out that begin no word of what they stand
-- for (`av` begins `avenue`, `bd` begins nothing). NULL gives NULL. Example: street_key('Bd. de l''Église') = 'boulevard de l eglise'.
CREATE FUNCTION geoplatform.street_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(geoplatform.search_key(name),
        '\m(bd|bld|blvd)\M', 'boulevard', 'g'), '\mrte\M', 'route', 'g'), '\m(fg|fbg)\M', 'faubourg', 'g')
$$;

CREATE TABLE geoplatform.street (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ban_id text COLLATE "C" NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    postal_code text COLLATE "C" CHECK (postal_code ~ '^[0-9]{5}$'),
    insee_code text COLLATE "C" NOT NULL CHECK (insee_code ~ '^([0-9]{2}|2[AB])[0-9]{3}$'),
    commune_code text COLLATE "C" NOT NULL CHECK (commune_code ~ '^([0-9]{2}|2[AB])[0-9]{3}$'),
    commune_name text NOT NULL,
    former_name text,
    key text NOT NULL GENERATED ALWAYS AS (geoplatform.street_key(name)) STORED,
    -- Made of words, not by a parser of PostgreSQL's, which would take some for numbers or addresses of the web.
    words tsvector NOT NULL GENERATED ALWAYS AS (array_to_tsvector(array_remove(string_to_array(
        geoplatform.street_key(name) || ' ' || geoplatform.search_key(commune_name) || ' '
        || geoplatform.search_key(coalesce(former_name, '')) || ' ' || coalesce(postal_code, '') || ' insee' || lower(commune_code),
        ' '), ''))) STORED,
    geom geometry(Point, 4326) NOT NULL
);
COMMENT ON TABLE geoplatform.street IS 'A street, or a place of another kind that has numbers, of one commune and postal code (Base Adresse Nationale).';
COMMENT ON COLUMN geoplatform.street.ban_id IS 'Its identifier in the BAN: what the identifiers of its addresses begin with.';
COMMENT ON COLUMN geoplatform.street.insee_code IS 'INSEE code as the BAN gives it: in Paris, Lyon and Marseille that of the arrondissement.';
COMMENT ON COLUMN geoplatform.street.commune_code IS 'INSEE code of the commune.';
COMMENT ON COLUMN geoplatform.street.former_name IS 'Name of the former commune it lies in, where the BAN tells.';
COMMENT ON COLUMN geoplatform.street.key IS 'Name as it is searched: without accents, case, hyphens and apostrophes.';
COMMENT ON COLUMN geoplatform.street.words IS 'Words of its key, its commune, its former commune and its postal code, and `insee` with the commune''s code.';
COMMENT ON COLUMN geoplatform.street.geom IS 'Where its middle number is (EPSG:4326).';
-- Without a list of what is new: it would be read through by every search until a vacuum.
CREATE INDEX street_words ON geoplatform.street USING gin (words) WITH (fastupdate = off);  -- published.find_addresses
CREATE INDEX street_insee_code ON geoplatform.street (insee_code);  -- replaced by commune or department
CREATE INDEX street_commune_code ON geoplatform.street (commune_code);  -- published.has_addresses

CREATE TABLE geoplatform.address (
    street_id integer NOT NULL REFERENCES geoplatform.street,
    number integer NOT NULL CHECK (number BETWEEN 0 AND 99999),
    suffix text COLLATE "C" NOT NULL,
    ban_id text COLLATE "C" NOT NULL,
    geom geometry(Point, 4326) NOT NULL,
    PRIMARY KEY (street_id, number, suffix)
);
COMMENT ON TABLE geoplatform.address IS 'A number of a street (Base Adresse Nationale).';
COMMENT ON COLUMN geoplatform.address.suffix IS 'What follows the number, in lower case: bis, ter, a …; empty for most.';
COMMENT ON COLUMN geoplatform.address.ban_id IS 'Its identifier in the BAN.';
COMMENT ON COLUMN geoplatform.address.geom IS 'Where it is (EPSG:4326).';

-- Tells the planner what was loaded. As the owner, because ANALYZE is his.
CREATE FUNCTION geoplatform.analyse_addresses() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    ANALYZE geoplatform.street, geoplatform.address;
END
$$;

-- What somebody may be looking for who asks for these words, as a condition on street.words: each begins a word of a street. Letters
-- and articles are left out, but for the last word, which may be half written. NULL where there is no word.
-- Example: wanted_words('rue de la pa') = '''pa'':* & ''rue'':*'.
CREATE FUNCTION geoplatform.wanted_words(key text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT string_agg(DISTINCT word || ':*', ' & ')::tsquery
    FROM regexp_split_to_table(key, ' ') WITH ORDINALITY AS said (word, place)
    WHERE word <> '' AND (place = regexp_count(key, ' ') + 1
                          OR length(word) > 1 AND word NOT IN ('de', 'du', 'des', 'la', 'le', 'les', 'et'))
$$;

-- Addresses that the words may mean, the likeliest first; in one commune (INSEE code) where one is given. Words that begin with a number
-- of up to four digits mean that number of the streets that the other words mean; where a street has no such number, the street. number
-- and suffix are NULL for a street. At most 2,000 streets are looked at, whatever is asked. No word, NULL: no row.
-- Example: find_addresses('12 bis rue de la paix', '97411', 8).
CREATE FUNCTION published.find_addresses(asked text, commune text, most integer)
RETURNS TABLE (ban_id text, number integer, suffix text, street text, postal_code text, commune_code text, commune_name text,
               former_name text, lon double precision, lat double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = geoplatform, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    whole text := street_key(asked);
    parts text[] := regexp_match(whole, '^([0-9]{1,4}) ?(bis|ter|quater|[a-z])? (.+)$');
    wanted_number integer := parts[1]::integer;
    wanted_suffix text := coalesce(parts[2], '');
    sought text := search_key(coalesce(parts[3], whole));
    wanted tsquery := wanted_words(sought);
BEGIN
    IF commune IS NOT NULL THEN
        wanted := wanted && ('insee' || lower(regexp_replace(commune, '[^0-9A-Za-z]', '', 'g')))::tsquery;
    END IF;
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT * FROM street AS s WHERE s.words @@ wanted LIMIT 2000
    )
    SELECT coalesce(a.ban_id, c.ban_id), a.number, a.suffix, c.name, c.postal_code, c.commune_code, c.commune_name, c.former_name,
           public.ST_X(coalesce(a.geom, c.geom)), public.ST_Y(coalesce(a.geom, c.geom))
    FROM candidate AS c
    LEFT JOIN address AS a ON a.street_id = c.id AND a.number = wanted_number
    ORDER BY a.number IS NULL,
             CASE WHEN c.key = sought OR starts_with(sought, c.key || ' ') THEN 0 WHEN starts_with(c.key, sought) THEN 1 ELSE 2 END,
             length(c.key), c.key, c.commune_name, a.suffix <> wanted_suffix, c.id, a.suffix
    LIMIT most;
END
$$;

-- Whether there are addresses to be found: in the commune of this INSEE code, or anywhere where it is NULL.
CREATE FUNCTION published.has_addresses(commune text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = geoplatform, pg_temp
AS $$
    SELECT CASE WHEN commune IS NULL THEN EXISTS (SELECT FROM street)
                ELSE EXISTS (SELECT FROM street AS s WHERE s.commune_code = commune) END
$$;

RESET ROLE;
