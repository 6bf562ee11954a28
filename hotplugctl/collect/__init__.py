"""Tree and grammars to the model, one noun a file."""
