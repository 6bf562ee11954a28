"""The composition root: options, call, render, echo."""
