"""An object of a store as a file that is read in parts, for libraries that seek, such as pyarrow's reader of parquet.

Its first read fixes which object it is. Where another takes its place before the last, the read ends with Conflict: parts of
two files are never put together.
"""

from __future__ import annotations

import io

from .base import Store

TAIL_BYTES = 64 << 10
"""What the first read asks for at the end of the object: a footer mostly fits, and pyarrow asks for as much."""


class RangeFile(io.RawIOBase):
    """The object under `key`, of `size` bytes, of which `bytes_read` were read so far."""

    def __init__(self, store: Store, key: str) -> None:
        """Reads the end of the object. Raises what `Store.read_range` raises."""
        super().__init__()
        tail = store.read_range(key, -TAIL_BYTES, TAIL_BYTES)
        # A store behind rclone may not know a size before all is read.
        self._tail = tail.data if tail.of.size >= 0 else store.read(key).data
        self._store, self._key, self._of, self._place = store, key, tail.of, 0
        self.size = max(tail.of.size, len(self._tail))
        self.bytes_read = len(self._tail)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes, or all that are left. Raises Conflict where another object has taken this one's place."""
        left = max(self.size - self._place, 0)
        data = self._part(self._place, left if size is None or size < 0 else min(size, left))
        self._place += len(data)
        return data

    def readall(self) -> bytes:
        """All bytes that are left."""
        return self.read()

    def _part(self, start: int, length: int) -> bytes:
        held = self.size - len(self._tail)
        if start >= held or length == 0:
            return self._tail[start - held :][:length]
        found = self._store.read_range(self._key, start, length, self._of).data
        self.bytes_read += len(found)
        return found
