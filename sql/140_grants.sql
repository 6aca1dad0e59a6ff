-- Who may do what. Nothing is granted to everybody; each role gets what its work needs and no more.

REVOKE ALL ON SCHEMA geoplatform, people, citizens, published, queue FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA geoplatform, people, citizens, published, queue FROM PUBLIC;

-- Temporary tables are for loads; the web and its visitors need none.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO geoplatform_loader, geoplatform_owner', current_database());
END
$$;

SET ROLE geoplatform_owner;

-- The loader keeps boundaries and registers. It cannot rewrite the change log, nor see or make keys.
GRANT USAGE ON SCHEMA geoplatform, published TO geoplatform_loader;
GRANT SELECT ON ALL TABLES IN SCHEMA geoplatform, published TO geoplatform_loader;
REVOKE ALL ON geoplatform.api_token FROM geoplatform_loader;
GRANT INSERT, UPDATE ON geoplatform.vintage TO geoplatform_loader;  -- removed by drop_vintage only, with its partitions
GRANT INSERT, UPDATE, DELETE ON geoplatform.vintage_finding, geoplatform.land, geoplatform.region,
    geoplatform.department, geoplatform.epci, geoplatform.commune, geoplatform.place, geoplatform.place_reference,
    geoplatform.placement, geoplatform.arrival, geoplatform.commune_name,
    geoplatform.territory_edition, geoplatform.drawing, geoplatform.finished_tile, geoplatform.movement, geoplatform.former_commune,
    geoplatform.street, geoplatform.address TO geoplatform_loader;
GRANT INSERT ON geoplatform.change TO geoplatform_loader;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA geoplatform TO geoplatform_loader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA geoplatform, published TO geoplatform_loader;

-- The web reads what is published, and writes through functions.
GRANT USAGE ON SCHEMA published TO geoplatform_web, geoplatform_reader, geoplatform_exporter;
GRANT SELECT ON ALL TABLES IN SCHEMA published TO geoplatform_web, geoplatform_exporter;
-- Direct SQL is bulk access: no display-only places, and only views behind a security barrier where rows are hidden.
GRANT SELECT ON published.vintages, published.vintage_findings, published.territories, published.former_communes,
    published.regions, published.departments, published.epci, published.communes, published.commune_editions,
    published.categories, published.exportable_places, published.layer_styles TO geoplatform_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA published TO geoplatform_web;
-- For people, who show the web their key with each request. Nobody is granted anything in the schema people.
GRANT USAGE ON SCHEMA citizens TO geoplatform_web;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA citizens TO geoplatform_web;
-- What was published as files is told by who wrote them, and by nobody else.
REVOKE ALL ON FUNCTION published.place_tiles(integer, text), published.middle_of_places() FROM geoplatform_web, geoplatform_loader;
REVOKE ALL ON FUNCTION published.register_release(jsonb, timestamptz), published.withdraw_releases(jsonb),
    published.withdrawn_releases(), published.register_diffs(jsonb, timestamptz), published.withdraw_diffs(text, integer),
    published.replace_release(text, text, jsonb, jsonb, timestamptz)
    FROM geoplatform_web, geoplatform_loader;
GRANT EXECUTE ON FUNCTION published.register_release(jsonb, timestamptz), published.withdraw_releases(jsonb),
    published.withdrawn_releases(), published.register_diffs(jsonb, timestamptz), published.withdraw_diffs(text, integer),
    published.replace_release(text, text, jsonb, jsonb, timestamptz), published.revision(text), published.schema_version(),
    published.communes_from_zoom(),
    published.tile_parts(text, integer, integer, integer, integer, text, text, text, text, text, boolean),
    published.place_tiles(integer, text), published.middle_of_places() TO geoplatform_exporter;
-- Whoever asks for a cut does no more than that; whoever makes it tells how far it has come. The queue is the worker's alone.
REVOKE ALL ON FUNCTION published.begin_cut(integer, timestamptz), published.tell_cut(integer, text, bigint, bigint),
    published.end_cut(integer, text, text, timestamptz), published.mend_cuts(timestamptz) FROM geoplatform_web, geoplatform_loader;
REVOKE ALL ON FUNCTION published.request_cut(text, text, timestamptz) FROM geoplatform_loader;
GRANT EXECUTE ON FUNCTION published.begin_cut(integer, timestamptz), published.tell_cut(integer, text, bigint, bigint),
    published.end_cut(integer, text, text, timestamptz), published.mend_cuts(timestamptz) TO geoplatform_exporter;
GRANT USAGE ON SCHEMA queue TO geoplatform_exporter;
GRANT SELECT, UPDATE, DELETE ON queue.procrastinate_jobs TO geoplatform_exporter;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue.procrastinate_workers TO geoplatform_exporter;
GRANT INSERT ON queue.procrastinate_events TO geoplatform_exporter;
GRANT USAGE ON SEQUENCE queue.procrastinate_events_id_seq TO geoplatform_exporter;
GRANT SELECT (job_id), UPDATE (job_id) ON queue.procrastinate_periodic_defers TO geoplatform_exporter;  -- by a trigger, on DELETE
GRANT EXECUTE ON FUNCTION queue.procrastinate_fetch_job_v2(varchar[], bigint),
    queue.procrastinate_finish_job_v1(bigint, queue.procrastinate_job_status, boolean),
    queue.procrastinate_retry_job_v2(bigint, timestamptz, integer, varchar, varchar),
    queue.procrastinate_register_worker_v1(), queue.procrastinate_unregister_worker_v1(bigint),
    queue.procrastinate_update_heartbeat_v1(bigint), queue.procrastinate_prune_stalled_workers_v1(double precision) TO geoplatform_exporter;
-- Pure functions over their arguments, used by published functions and searches.
GRANT USAGE ON SCHEMA geoplatform TO geoplatform_web, geoplatform_exporter;
GRANT EXECUTE ON FUNCTION geoplatform.search_key(text), geoplatform.insee_fid(text), geoplatform.is_public(text, text),
    geoplatform.is_item(text, text, text) TO geoplatform_web, geoplatform_reader, geoplatform_exporter;

RESET ROLE;
