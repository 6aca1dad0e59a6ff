-- How QGIS draws the published views when it reads them itself. QGIS looks for a relation `layer_styles` in the search path;
-- logins that `geoplatform db reader` makes have `published` in theirs.

SET ROLE geoplatform_owner;

CREATE TABLE geoplatform.layer_style (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer text NOT NULL,
    name text NOT NULL,
    qml xml NOT NULL,
    sld xml NOT NULL,
    is_default boolean NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (layer, name)
);
COMMENT ON TABLE geoplatform.layer_style IS 'Styles of the published views for QGIS: QML and SLD, in each language.';
CREATE UNIQUE INDEX ON geoplatform.layer_style (layer) WHERE is_default;

CREATE VIEW published.layer_styles AS
SELECT s.id,
       current_database()::text AS f_table_catalog, 'published'::text AS f_table_schema, s.layer AS f_table_name,
       'geom'::text AS f_geometry_column,
       s.name AS stylename, s.qml AS styleqml, s.sld AS stylesld, s.is_default AS useasdefault, s.name AS description,
       'geoplatform'::text AS owner, NULL::xml AS ui, s.kept_at::timestamp AS update_time
FROM geoplatform.layer_style AS s;
COMMENT ON VIEW published.layer_styles IS 'Styles of these views, as QGIS looks for them (its own names of columns).';
COMMENT ON COLUMN published.layer_styles.id IS 'Number of the style.';
COMMENT ON COLUMN published.layer_styles.f_table_catalog IS 'Name of this database.';
COMMENT ON COLUMN published.layer_styles.f_table_schema IS 'Schema of the view that it is for.';
COMMENT ON COLUMN published.layer_styles.f_table_name IS 'View that it is for.';
COMMENT ON COLUMN published.layer_styles.f_geometry_column IS 'Its geometry column.';
COMMENT ON COLUMN published.layer_styles.stylename IS 'Name of the style.';
COMMENT ON COLUMN published.layer_styles.styleqml IS 'Symbols and forms as QML.';
COMMENT ON COLUMN published.layer_styles.stylesld IS 'Symbols as SLD.';
COMMENT ON COLUMN published.layer_styles.useasdefault IS 'Whether QGIS takes it when it opens the view.';
COMMENT ON COLUMN published.layer_styles.description IS 'The same as its name.';
COMMENT ON COLUMN published.layer_styles.owner IS 'Who made it.';
COMMENT ON COLUMN published.layer_styles.ui IS 'Forms of Qt Designer: none.';
COMMENT ON COLUMN published.layer_styles.update_time IS 'Since when it is kept.';

RESET ROLE;
