"""Measures how well vision-language models find, name, locate and explain anomalies."""

__version__ = "0.1.0"
