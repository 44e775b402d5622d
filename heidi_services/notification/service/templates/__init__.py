"""Templates: stored and validated, chosen for a message by type, channel and language, and rendered.

templates: create, change and list; template_validation: what a template may contain; template_resolver: which template
a message uses; rendering: subject and text from a template and its variables, within text_limits; template_tests: send
a rendered template to oneself.
"""
