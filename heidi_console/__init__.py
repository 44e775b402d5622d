"""The web console: a Flask application beside the services, which is a client of their REST API.

It imports only `heidi_common` and owns no tables. `app.py` builds the application. From the bottom up:

- `api` sends requests to the services; `session` keeps the tokens of signed-in browsers; `calls.py` combines both.
- `translations`, `forms`, `components` and `access.py` serve the pages.
- `pages` has one module for each area of the console; `templates` mirrors it.
"""
