"""What core can do, one file for each deed."""
