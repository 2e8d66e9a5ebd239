"""Schedules and backfills on this machine: their turns, the runs that they make, their state on disk."""
