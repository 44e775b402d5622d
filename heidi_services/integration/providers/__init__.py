"""The providers that send webhooks, one module with one declaration (`PROVIDER`) for each.

To add a provider, write its module and list it in `registry`. The API, its documentation, the commands and the console
take everything else from the declaration.
"""
