"""Texts printed by lspci, in every form: ``parse``."""

from __future__ import annotations

from .reader import parse

__all__ = ["parse"]
