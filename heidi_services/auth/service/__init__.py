"""What auth can do, one file for each deed."""
