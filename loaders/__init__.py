"""Official files and registers → the store."""
