"""Who is told what: the bookkeeping that runs and schedules share, the Jobs that tell, and the words of a run."""
