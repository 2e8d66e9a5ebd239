"""The contract of the project: plain data and pure rules, shared by operator, command line and trainer.

Nothing here does I/O, and nothing beyond pydantic and the standard library is imported.
"""
