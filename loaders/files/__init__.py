"""Files as they come: fetched, unpacked, read layer by layer. Knows formats, not publishers."""
