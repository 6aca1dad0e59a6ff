-- The 13 territories of France with the CRS that the law prescribes for areas and distances
-- (décret n° 2000-1276, arrêté du 5 mars 2019; EPSG registry).

-- Mayotte's since 2023 (arrêté du 29 décembre 2022); the list that PostGIS 3.3 and PROJ 9.1 bring is older. Like those of the other
-- territories it differs from WGS 84 by less than the positions are precise.
INSERT INTO public.spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text)
VALUES (10674, 'EPSG', 10674, '', '+proj=utm +zone=38 +south +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs')
ON CONFLICT (srid) DO NOTHING;

SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.territory (
    code text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    legal_srid integer NOT NULL
);
COMMENT ON TABLE geoplatform.territory IS 'Metropole or one overseas department or collectivity.';
COMMENT ON COLUMN geoplatform.territory.code IS 'FXX for the metropole, else the three digits that begin its INSEE codes.';
COMMENT ON COLUMN geoplatform.territory.legal_srid IS 'EPSG code of the legal projected CRS (987: the zone of Tahiti).';

INSERT INTO geoplatform.territory (code, name, legal_srid) VALUES
    ('FXX', 'Métropole', 2154),
    ('971', 'Guadeloupe', 5490),
    ('972', 'Martinique', 5490),
    ('973', 'Guyane', 2972),
    ('974', 'La Réunion', 2975),
    ('975', 'Saint-Pierre-et-Miquelon', 4467),
    ('976', 'Mayotte', 10674),
    ('977', 'Saint-Barthélemy', 5490),
    ('978', 'Saint-Martin', 5490),
    ('984', 'Terres australes et antarctiques françaises', 7079),
    ('986', 'Wallis-et-Futuna', 8903),
    ('987', 'Polynésie française', 3297),
    ('988', 'Nouvelle-Calédonie', 3163);

RESET ROLE;
