"""One file a modality: from a source file to 2D pictures."""
