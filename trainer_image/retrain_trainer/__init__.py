"""What runs inside a Job: train, evaluate, publish, deliver."""
