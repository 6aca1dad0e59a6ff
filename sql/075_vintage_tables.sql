-- The partitions of a vintage: commune, drawing, placement. Each is made as a table of its own, filled by COPY or INSERT
-- without indexes and foreign keys (three times as fast), then indexed and attached. As the owner, because the loader may
-- not create tables. Every step belongs to the caller's transaction: a load that is killed leaves nothing.
SET ROLE geoplatform_owner;

-- Name of a vintage's partition, unqualified: partition_name('commune', 3) = 'commune_v3'.
CREATE FUNCTION geoplatform.partition_name(parent text, of_vintage integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT parent || '_v' || of_vintage $$;

-- Makes the table that will be a vintage's partition and gives its qualified name. parent: commune, drawing or placement.
-- 42P07 if it is there already, 22023 for another parent, 23503 if there is no such vintage. A foreign key would say the same
-- of every row.
CREATE FUNCTION geoplatform.open_partition(parent text, of_vintage integer) RETURNS text
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    name text := partition_name(parent, of_vintage);
BEGIN
    IF parent NOT IN ('commune', 'drawing', 'placement') THEN
        RAISE EXCEPTION '% is not kept by vintage', parent USING ERRCODE = '22023';
    END IF;
    PERFORM FROM vintage AS v WHERE v.id = of_vintage FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no vintage %', of_vintage USING ERRCODE = '23503';
    END IF;
    EXECUTE format('CREATE TABLE geoplatform.%I (LIKE geoplatform.%I INCLUDING DEFAULTS INCLUDING GENERATED '
                   'INCLUDING CONSTRAINTS INCLUDING COMMENTS, CONSTRAINT %I CHECK (vintage_id = %s))',
                   name, parent, name || '_only', of_vintage);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON geoplatform.%I TO geoplatform_loader', name);
    RETURN format('geoplatform.%I', name);
END
$$;

-- Indexes the table and makes it the vintage's partition: its rows belong to the whole from the commit on.
-- 23505 if a key stands twice.
CREATE FUNCTION geoplatform.attach_partition(parent text, of_vintage integer) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
SET maintenance_work_mem = '256MB'
AS $$
DECLARE
    name text := partition_name(parent, of_vintage);
BEGIN
    EXECUTE format('ALTER TABLE geoplatform.%I ATTACH PARTITION geoplatform.%I FOR VALUES IN (%s)', parent, name, of_vintage);
    EXECUTE format('ALTER TABLE geoplatform.%I DROP CONSTRAINT %I', name, name || '_only');
END
$$;

-- Tells the planner what a partition holds. As the owner, because ANALYZE is his.
CREATE FUNCTION geoplatform.analyse_partition(parent text, of_vintage integer) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
BEGIN
    EXECUTE format('ANALYZE geoplatform.%I', partition_name(parent, of_vintage));
END
$$;

-- Removes a vintage with everything that is kept of it. 55006 if it is the active one; nothing if there is none.
CREATE FUNCTION geoplatform.drop_vintage(of_vintage integer) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = geoplatform, public, pg_temp
AS $$
DECLARE
    parent text;
BEGIN
    IF EXISTS (SELECT FROM vintage AS v WHERE v.id = of_vintage AND v.state = 'active') THEN
        RAISE EXCEPTION 'vintage % is the active one', of_vintage USING ERRCODE = '55006';
    END IF;
    FOREACH parent IN ARRAY ARRAY['placement', 'drawing', 'commune'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS geoplatform.%I', partition_name(parent, of_vintage));
    END LOOP;
    DELETE FROM vintage AS v WHERE v.id = of_vintage;
END
$$;

RESET ROLE;
