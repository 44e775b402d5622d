"""What users can do, one file for each deed."""
