"""Models behind one seam: requests in, outcomes out."""
