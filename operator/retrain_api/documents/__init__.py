"""The documents that operator and Jobs exchange: tasks, results, and how both travel."""
