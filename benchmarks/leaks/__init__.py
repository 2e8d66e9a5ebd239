"""Columns that are honest, and columns that know the future, of any candles: what the look-ahead guard must tell apart."""
