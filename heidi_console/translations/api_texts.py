"""Texts that come from the API in English, so that the console can translate them.

They describe actions of schedules, operations, providers of webhooks and scopes, name the fields of their forms, and
say why a webhook is disabled. A text that is not listed is shown as it is; `tests/console/test_translations.py`
compares the list with the API.
"""

from heidi_console.translations import lazy, translate

DESCRIPTIONS = (
    lazy("Send a notification to a user, from a text or a template"),
    lazy("Call a URL; any response but 2xx is a failure"),
    lazy("Emit an event of a type custom.*"),
    lazy("Synchronize an integration"),
    lazy("Start an operation across several services"),
    lazy("Create an account, send an invitation by e-mail and put a greeting into the inbox."),
    lazy("Deactivate an account and its integrations, then delete the account (it can be restored)."),
    lazy(
        "Send one notification to many users. `message` is a body of POST /notifications without `userId`. "
        "The notification service validates it."
    ),
    lazy("Events of payments. A synchronization also fetches those that were missed."),
    lazy("Delivery and engagement events of e-mails (Event Webhook)."),
    lazy("Messages and calls, and their status callbacks."),
    lazy("Events, interactions and slash commands of a Slack app."),
    lazy("WhatsApp, Instagram, Messenger and Facebook pages. The URL is verified with `verifyToken`."),
    lazy("Any sender that signs by Standard Webhooks or with Svix. `secret` is generated if you omit it."),
    lazy("Any other sender. `config.verify` says how it signs or authenticates its webhooks."),
    lazy("Body as a JSON object"),
    lazy("Body as text"),
    lazy('The message, such as {"channel": "IN_APP", "content": "Maintenance tonight"}'),
    lazy("The recipients, unless a filter selects them"),
    lazy('Selects the recipients, such as {"role": "USER", "isActive": true}'),
)
SCOPES = (
    lazy("List and read all accounts."),
    lazy("Create, change and delete accounts, except those of administrators."),
    lazy("Read the notifications of all users."),
    lazy("Send messages and invitations, cancel own messages; includes notifications:read."),
    lazy("Read, create, change and delete schedules and monitors."),
    lazy("Read all integrations with their logs, events and deliveries, without credentials."),
    lazy("Change all integrations, except those of administrators."),
    lazy("List and download the files of all users."),
    lazy("Upload files for users; change, link and delete the files of all users."),
)
"""What machine clients with a scope may do."""
DISABLED_REASONS = (
    lazy("The endpoint returned 410 Gone."),
    lazy("Every delivery of the last five days failed."),
    lazy("An administrator switched it off."),
)
LABELS = (
    lazy("User ID"),
    lazy("User IDs"),
    lazy("Integration ID"),
    lazy("Channel"),
    lazy("Type"),
    lazy("Category"),
    lazy("Subject"),
    lazy("Content"),
    lazy("Template"),
    lazy("Locale"),
    lazy("Variables"),
    lazy("Method"),
    lazy("URL"),
    lazy("Headers"),
    lazy("JSON"),
    lazy("Body"),
    lazy("Timeout seconds"),
    lazy("Data"),
    lazy("Input"),
    lazy("Email"),
    lazy("First name"),
    lazy("Last name"),
    lazy("Role"),
    lazy("Greeting"),
    lazy("Message"),
    lazy("Filter"),
)
"""Names of fields."""


def api_text(text: str) -> str:
    """A text of the API in the language of the page, without the marks of code."""
    return translate(text).replace("`", "")
