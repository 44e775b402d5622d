"""The settings of the platform, read once from environment variables. docs/configuration.md is generated from them.

settings: `Settings`, which every process reads. sections: its declarations, and the settings of single processes.
declaration: `setting(...)` declares a variable. parsers: from the text of a variable to its value.
mail_sender: the value of MAIL_FROM.
secret_files: `<NAME>_FILE`, a value in a file. reference: generates docs/configuration.md.
service_registry: SERVICES, the only list of the services.
"""
