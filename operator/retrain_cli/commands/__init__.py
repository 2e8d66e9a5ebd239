"""The commands of `retrain`, one module each, in folders by subject."""
