"""Grammars: one a file, text to records, pure and total."""
