"""How promoted models are observed: when they are looked at, what a look means, and what people read of it."""
