"""The providers that send webhooks, one module with one declaration (`PROVIDER`) for each.

To add a provider, write its module, add the module to `registry` and the name to `enums.ProviderName`, and extend the
CHECK constraint on `integrations.provider` in the model and by a migration.
"""
