"""Makes data sets of synthetic anomalies, each with controls that show whether the edit itself gives them away."""
