"""Request and response schemas, in the same modules as the routes."""
