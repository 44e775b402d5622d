"""Requests to the REST API of the services. `transport.py` sends one; `problems.py` has the errors."""
