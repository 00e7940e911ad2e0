"""Pure readings of free-form answers."""
