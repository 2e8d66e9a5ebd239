"""What runs inside a Job: preflight, train, evaluate, publish, deliver."""
