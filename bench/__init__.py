"""Measurements of whole processes, by hand and never in pytest: ``make bench``, README.md here."""
