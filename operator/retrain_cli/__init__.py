"""`retrain`: run, init, report, doctor and features on one machine."""
