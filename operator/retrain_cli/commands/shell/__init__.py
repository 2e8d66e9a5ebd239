"""What belongs to a person's shell."""
