"""Verdicts: one family a file, one fault a function."""
