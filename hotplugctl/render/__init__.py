"""The model to text; pure."""
