"""Dataset cards and the readers that turn files into Samples."""
