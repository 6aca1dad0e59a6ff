-- Places: merchants, services, associations, projects. Licence, visibility, status and source are there from
-- the first row on, and the published views honour them.
SET ROLE geoplatform_owner;

-- Two whole numbers of 31 bits with their bits in turns, the first one lowest: neighbours in the plane are near in this order,
-- and all that lies in a tile is one range (Morton 1966; the quadkey of Bing Maps, as a number).
CREATE FUNCTION geoplatform.interleaved(across bigint, down bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20
AS $$
BEGIN
    across := (across | (across << 16)) & 281470681808895;
    across := (across | (across << 8)) & 71777214294589695;
    across := (across | (across << 4)) & 1085102592571150095;
    across := (across | (across << 2)) & 3689348814741910323;
    across := (across | (across << 1)) & 6148914691236517205;
    down := (down | (down << 16)) & 281470681808895;
    down := (down | (down << 8)) & 71777214294589695;
    down := (down | (down << 4)) & 1085102592571150095;
    down := (down | (down << 2)) & 3689348814741910323;
    down := (down | (down << 1)) & 6148914691236517205;
    RETURN across | (down << 1);
END
$$;

-- The first of the two numbers that were interleaved; of the key shifted right by one, the second.
CREATE FUNCTION geoplatform.every_second_bit(key bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10
AS $$
BEGIN
    key := key & 6148914691236517205;
    key := (key | (key >> 1)) & 3689348814741910323;
    key := (key | (key >> 2)) & 1085102592571150095;
    key := (key | (key >> 4)) & 71777214294589695;
    key := (key | (key >> 8)) & 281470681808895;
    RETURN (key | (key >> 16)) & 4294967295;
END
$$;

-- The tile of zoom 31 in which a position lies (degrees, EPSG:4326), interleaved; its first 2·z bits are its tile of zoom z.
-- Beyond the latitudes of Web Mercator it is the last row's.
CREATE FUNCTION geoplatform.quadkey(point geometry) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 30
AS $$
    SELECT geoplatform.interleaved(
        least(2147483647, greatest(0, floor((public.ST_X(point) + 180) / 360 * 2147483648)))::bigint,
        least(2147483647, greatest(0, floor(
            (1 - asinh(tand(least(85.06, greatest(-85.06, public.ST_Y(point))))) / pi()) / 2 * 2147483648)))::bigint)
$$;

CREATE TABLE geoplatform.category (
    code text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]*$'),
    kind text NOT NULL CHECK (kind IN ('merchant', 'service', 'association', 'project')),
    label_fr text NOT NULL,
    label_en text NOT NULL,
    osm_tag text CHECK (osm_tag ~ '^[a-z_]+=[a-z_]+$'),
    schema_org text NOT NULL CHECK (schema_org ~ '^[A-Z][A-Za-z]+$'),
    UNIQUE (code, kind)
);
COMMENT ON TABLE geoplatform.category IS 'What sort of merchant, service, association or project.';
COMMENT ON COLUMN geoplatform.category.osm_tag IS 'The OpenStreetMap tag that means the same, key=value.';
COMMENT ON COLUMN geoplatform.category.schema_org IS 'The narrowest type of schema.org that holds for it.';

INSERT INTO geoplatform.category (code, kind, label_fr, label_en, osm_tag, schema_org) VALUES
    ('bakery', 'merchant', 'Boulangerie', 'Bakery', 'shop=bakery', 'Bakery'),
    ('grocery', 'merchant', 'Épicerie', 'Grocery', 'shop=convenience', 'GroceryStore'),
    ('market', 'merchant', 'Marché', 'Market', 'amenity=marketplace', 'Store'),
    ('butcher', 'merchant', 'Boucherie', 'Butcher', 'shop=butcher', 'Store'),
    ('greengrocer', 'merchant', 'Primeur', 'Greengrocer', 'shop=greengrocer', 'GroceryStore'),
    ('restaurant', 'merchant', 'Restaurant', 'Restaurant', 'amenity=restaurant', 'Restaurant'),
    ('cafe', 'merchant', 'Café', 'Café', 'amenity=cafe', 'CafeOrCoffeeShop'),
    ('lodging', 'merchant', 'Hébergement', 'Lodging', 'tourism=guest_house', 'LodgingBusiness'),
    ('garage', 'merchant', 'Garage', 'Garage', 'shop=car_repair', 'AutoRepair'),
    ('bicycle', 'merchant', 'Vélo', 'Bicycle shop', 'shop=bicycle', 'BikeStore'),
    ('bookshop', 'merchant', 'Librairie', 'Bookshop', 'shop=books', 'BookStore'),
    ('pharmacy', 'merchant', 'Pharmacie', 'Pharmacy', 'amenity=pharmacy', 'Pharmacy'),
    ('hairdresser', 'merchant', 'Coiffure', 'Hairdresser', 'shop=hairdresser', 'HairSalon'),
    ('clothes', 'merchant', 'Vêtements', 'Clothes', 'shop=clothes', 'ClothingStore'),
    ('hardware', 'merchant', 'Quincaillerie', 'Hardware', 'shop=hardware', 'HardwareStore'),
    ('florist', 'merchant', 'Fleuriste', 'Florist', 'shop=florist', 'Florist'),
    ('second_hand', 'merchant', 'Seconde main', 'Second hand', 'shop=second_hand', 'Store'),
    ('producer', 'merchant', 'Producteur', 'Producer', 'shop=farm', 'Store'),
    ('craft', 'merchant', 'Artisanat', 'Craft', 'shop=craft', 'LocalBusiness'),
    ('town_hall', 'service', 'Mairie', 'Town hall', 'amenity=townhall', 'CityHall'),
    ('nursery', 'service', 'Crèche', 'Nursery', 'amenity=childcare', 'ChildCare'),
    ('school', 'service', 'École', 'School', 'amenity=school', 'School'),
    ('library', 'service', 'Bibliothèque', 'Library', 'amenity=library', 'Library'),
    ('health', 'service', 'Santé', 'Health', 'amenity=doctors', 'MedicalClinic'),
    ('post_office', 'service', 'Bureau de poste', 'Post office', 'amenity=post_office', 'PostOffice'),
    ('community_centre', 'service', 'Maison de quartier', 'Community centre', 'amenity=community_centre', 'CivicStructure'),
    ('employment', 'service', 'Emploi', 'Employment', 'office=employment_agency', 'EmploymentAgency'),
    ('sports_centre', 'service', 'Équipement sportif', 'Sports centre', 'leisure=sports_centre', 'SportsActivityLocation'),
    ('playground', 'service', 'Aire de jeux', 'Playground', 'leisure=playground', 'Playground'),
    ('recycling', 'service', 'Recyclage', 'Recycling', 'amenity=recycling', 'RecyclingCenter'),
    ('drinking_water', 'service', 'Eau potable', 'Drinking water', 'amenity=drinking_water', 'CivicStructure'),
    ('toilets', 'service', 'Toilettes', 'Toilets', 'amenity=toilets', 'PublicToilet'),
    ('theatre', 'association', 'Théâtre', 'Theatre', 'club=theatre', 'TheaterGroup'),
    ('music', 'association', 'Musique', 'Music', 'amenity=music_school', 'MusicGroup'),
    ('culture', 'association', 'Culture', 'Culture', 'club=culture', 'PerformingGroup'),
    ('shared_garden', 'association', 'Jardin partagé', 'Shared garden', 'leisure=garden', 'Organization'),
    ('sport', 'association', 'Sport', 'Sport', 'club=sport', 'SportsOrganization'),
    ('solidarity', 'association', 'Solidarité', 'Solidarity', 'office=association', 'NGO'),
    ('environment', 'association', 'Environnement', 'Environment', 'club=nature', 'NGO'),
    ('repair', 'association', 'Atelier de réparation', 'Repair workshop', 'amenity=workshop', 'Organization'),
    ('parents', 'association', 'Parents et enfants', 'Parents and children', 'club=parents', 'Organization'),
    ('culture_project', 'project', 'Projet culturel', 'Cultural project', NULL, 'Project'),
    ('energy_project', 'project', 'Projet d’énergie citoyenne', 'Citizen energy project', NULL, 'Project'),
    ('mobility_project', 'project', 'Projet de mobilité', 'Mobility project', NULL, 'Project'),
    ('food_project', 'project', 'Projet alimentaire', 'Food project', NULL, 'Project'),
    ('housing_project', 'project', 'Projet d’habitat', 'Housing project', NULL, 'Project'),
    ('environment_project', 'project', 'Projet d’environnement', 'Environmental project', NULL, 'Project'),
    ('solidarity_project', 'project', 'Projet solidaire', 'Solidarity project', NULL, 'Project');

-- Whether a place may be seen by the public at all; and whether a bulk download may hold it. THE rule: the published views and
-- the counts go by it. Single expressions and not STRICT, so that they are written into what calls them.
CREATE FUNCTION geoplatform.is_public(status text, visibility text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT status = 'published' AND visibility IN ('public', 'commune') $$;

CREATE FUNCTION geoplatform.is_item(status text, visibility text, licence text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT geoplatform.is_public(status, visibility) AND licence <> 'display-only' $$;

CREATE TABLE geoplatform.place (
    id uuid PRIMARY KEY,
    fid bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN ('merchant', 'service', 'association', 'project')),
    category text COLLATE "C",
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text CHECK (length(description) <= 4000),
    address text CHECK (length(address) <= 500),
    phone text CHECK (length(phone) <= 40),
    website text CHECK (length(website) <= 500 AND website ~ '^https?://'),
    opening_hours text CHECK (length(opening_hours) <= 500),
    licence text NOT NULL CHECK (licence IN
        ('CC-BY-NC-SA-4.0', 'ODbL-1.0', 'etalab-2.0', 'CC-BY-SA-4.0', 'CC0-1.0', 'display-only')),
    visibility text NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'commune', 'private')),
    status text NOT NULL DEFAULT 'published' CHECK (status IN ('held', 'published', 'withheld', 'hidden', 'deleted')),
    stage text CHECK (stage IN ('idea', 'planned', 'running', 'done', 'stopped')),
    starts_on date,
    ends_on date,
    source text NOT NULL CHECK (source IN ('citizen', 'register', 'synthetic')),
    source_name text,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    commune_code_at_entry text COLLATE "C" CHECK (commune_code_at_entry ~ '^[0-9AB]{5}$'),
    geom geometry(Point, 4326) NOT NULL,
    shown_geom geometry(Point, 4326) GENERATED ALWAYS AS (CASE WHEN visibility = 'public' THEN geom END) STORED,
    -- Web Mercator ends at 85.0511°: beyond it there is no tile, and the transformation fails at the poles.
    shown_geom_3857 geometry(Point, 3857) GENERATED ALWAYS AS (
        CASE WHEN visibility = 'public' AND abs(public.ST_Y(geom)) < 85.0511 THEN public.ST_Transform(geom, 3857) END
    ) STORED,
    shown_quadkey bigint GENERATED ALWAYS AS (
        CASE WHEN visibility = 'public' AND status = 'published' AND abs(public.ST_Y(geom)) < 85.0511
             THEN geoplatform.quadkey(geom) END
    ) STORED,
    CONSTRAINT place_stage_of_a_project CHECK (kind = 'project' OR (stage, starts_on, ends_on) IS NOT DISTINCT FROM (NULL, NULL, NULL)),
    CONSTRAINT place_ends_after_it_starts CHECK (ends_on >= starts_on),
    CONSTRAINT place_category_of_its_kind FOREIGN KEY (category, kind) REFERENCES geoplatform.category (code, kind),
    CONSTRAINT place_on_earth CHECK (public.ST_X(geom) BETWEEN -180 AND 180 AND public.ST_Y(geom) BETWEEN -90 AND 90)
);
COMMENT ON TABLE geoplatform.place IS 'A point on the map that somebody contributed or a register publishes (EPSG:4326).';
COMMENT ON COLUMN geoplatform.place.commune_code_at_entry IS 'Where it lay when it was entered. Never changed.';
COMMENT ON COLUMN geoplatform.place.shown_geom IS 'The position as the public may see it: none unless visibility is public.';
COMMENT ON COLUMN geoplatform.place.shown_quadkey IS 'Where tiles show it (geoplatform.quadkey); none if they do not.';
COMMENT ON COLUMN geoplatform.place.status IS
    'held: waits for a referent; published; withheld: its contributor no longer agrees to publication; hidden: by a referent; deleted.';
COMMENT ON COLUMN geoplatform.place.visibility IS 'public: the point; commune: only the commune; private: nobody but its keeper.';
CREATE INDEX place_geom ON geoplatform.place USING gist (geom);                        -- verdicts of a new vintage
CREATE INDEX place_shown_geom_3857 ON geoplatform.place USING gist (shown_geom_3857) WHERE shown_quadkey IS NOT NULL;  -- tiles
CREATE INDEX place_shown_quadkey ON geoplatform.place (shown_quadkey, fid) INCLUDE (kind, category, licence)
    WHERE shown_quadkey IS NOT NULL;                                       -- groups of places in tiles, pages of a box
CREATE UNIQUE INDEX place_fid ON geoplatform.place (fid);                  -- QGIS, order in tiles
CREATE INDEX place_newest ON geoplatform.place (fid) WHERE source = 'citizen';          -- what is new

-- How others call a place: a register's own number, a slug. One row per name, so that place itself keeps one key.
CREATE TABLE geoplatform.place_reference (
    authority text NOT NULL,
    reference text NOT NULL,
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    PRIMARY KEY (authority, reference)
);
COMMENT ON TABLE geoplatform.place_reference IS 'How a register or other authority calls a place.';
CREATE INDEX place_reference_place ON geoplatform.place_reference (place_id);

-- The verdict on where a place lies, one row and one partition per vintage: a new vintage is placed while the old one
-- serves, and activating it (or going back) rewrites nothing.
CREATE TABLE geoplatform.placement (
    place_id uuid NOT NULL REFERENCES geoplatform.place ON DELETE CASCADE,
    vintage_id integer NOT NULL,  -- a vintage: open_partition sees to it
    verdict text NOT NULL CHECK (verdict IN ('inside', 'border', 'gap', 'sea', 'abroad')),
    method text NOT NULL CHECK (method IN ('cover', 'edge', 'nearest', 'none')),
    commune_code text COLLATE "C" CHECK (commune_code ~ '^[0-9AB]{5}$'),
    distance_m real CHECK (distance_m >= 0 AND distance_m < 1000),
    PRIMARY KEY (place_id, vintage_id),
    CONSTRAINT placement_names_its_commune CHECK ((commune_code IS NOT NULL) = (verdict IN ('inside', 'border')))
) PARTITION BY LIST (vintage_id);
COMMENT ON TABLE geoplatform.placement IS 'Where a place lies in the communes of one vintage.';
CREATE INDEX placement_commune ON geoplatform.placement (commune_code, place_id);  -- places of a commune, page by page

RESET ROLE;
