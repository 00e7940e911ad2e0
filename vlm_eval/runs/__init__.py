"""Plan, store and the loop that asks."""
