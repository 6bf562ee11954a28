"""The only rooms that touch the machine."""
