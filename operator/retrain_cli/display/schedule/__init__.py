"""What a schedule looks like on a terminal."""
