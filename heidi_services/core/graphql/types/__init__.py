"""The objects of the schema. Their values are the JSON objects that the services return (`default_resolver`)."""
