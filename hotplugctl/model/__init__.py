"""Frozen records: what was read, and what is said of it. Imports nothing but ``errors``."""
