"""All decisions, as pure functions of a context. They know neither the API server nor the clock."""
