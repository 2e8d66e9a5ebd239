"""`retrain backfill`: a schedule's past slots, replayed."""
