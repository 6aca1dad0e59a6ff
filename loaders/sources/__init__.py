"""Where boundaries come from: one module per publisher, each giving a `loaders.boundaries.BoundarySet`."""
