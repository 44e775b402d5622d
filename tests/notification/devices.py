"""Tokens of devices in the form that FCM issues."""


def device_token(name: str) -> str:
    """The token of a device. The simulated provider reads its behavior from `name`."""
    return f"{name}:APA91b{'x' * 30}"
