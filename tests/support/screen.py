"""A terminal that a test reads."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios


class Screen:
    """A terminal of 140 columns; all that was ever written on it is kept."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        os.set_blocking(self.ours, False)
        self.text = ""

    def shrink(self, columns: int) -> None:
        """A person makes the window narrower."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def read(self) -> str:
        """All that was written until now."""
        try:
            while data := os.read(self.ours, 65536):
                self.text += data.decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return self.text
