"""What the city service can do, one file for each kind of deed."""
