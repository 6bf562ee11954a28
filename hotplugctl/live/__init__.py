"""Pure reducers: from what is heard to what is told."""
