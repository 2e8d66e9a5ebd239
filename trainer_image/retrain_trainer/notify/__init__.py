"""Telling people, by Apprise: a receiver from its URL, what it answers, and silence about the URL.

The URL is a secret: it has a token or a password in it. Apprise and the libraries below it print it at the level debug, so none of their words
are passed on; `answers` finds out what they keep to themselves.
"""
