"""What Heidi does in a second, measured on this machine: `make bench`."""
