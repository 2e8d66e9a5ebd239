"""What a backfill looks like on a terminal."""
