"""Commands by which people decide: approve, reject, roll back."""
