"""`retrain init`: a run to start from, written for the candles, the GPU and the folder that are here."""
