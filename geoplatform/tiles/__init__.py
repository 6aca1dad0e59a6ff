"""Tiles kept on disk: made once, served by every worker (or by nginx), gone as soon as they are not true any more.

From `web` and `cli`; to `store`. `Tiles` is the door; `cache` keeps files, `making` is for who waits in an event loop,
`pyramid` knows which tiles a place is in.
"""

from __future__ import annotations

from geoplatform.tiles.cache import Kept, TileCache
from geoplatform.tiles.service import Tiles

__all__ = ["Kept", "TileCache", "Tiles"]
