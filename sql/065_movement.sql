-- How communes came and went: the movements of the Code officiel géographique, as INSEE publishes them, and what they mean
-- for a code that is no longer in force in the active vintage (computed by geoplatform.succession at each activation).
SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.movement (
    ordinal integer PRIMARY KEY,
    mod smallint NOT NULL,
    effective_on date NOT NULL,
    kind_before text NOT NULL,
    code_before text COLLATE "C" NOT NULL,
    name_before text NOT NULL,
    kind_after text NOT NULL,
    code_after text COLLATE "C",
    name_after text
);
COMMENT ON TABLE geoplatform.movement IS 'Movements of communes since 1943 (INSEE, v_mvt_commune).';
COMMENT ON COLUMN geoplatform.movement.mod IS 'INSEE MOD: 10 rename, 20/21 creation, 30 suppression, 31-35 merger, 41/50 change of code …';

CREATE TABLE geoplatform.former_commune (
    code text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    until_on date,
    how text NOT NULL CHECK (how IN ('merged', 'moved', 'split', 'gone')),
    successors text[] COLLATE "C" NOT NULL
);
COMMENT ON TABLE geoplatform.former_commune IS 'Codes that are no longer in force, and the communes that hold their land today.';

RESET ROLE;
