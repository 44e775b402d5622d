"""The seven services of Heidi. None imports another; each has the same rooms."""

SERVICES: dict[str, int] = {
    "auth": 3001,
    "users": 3002,
    "city": 3003,
    "core": 3004,
    "notification": 3005,
    "scheduler": 3006,
    "integration": 3007,
}
"""Name -> default port, in port order."""
