"""Answer files that others published: read as they stand, summed up by their own rule and by ours."""
