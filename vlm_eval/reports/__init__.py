"""Tables, figures and exports, read from the store alone."""
