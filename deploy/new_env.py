"""`make secrets`: print a .env for docker compose with new random secrets."""

import base64
import json
import secrets
import sys

from heidi_common.jwt import keys


def lines() -> list[str]:
    """Generate the lines. In single quotes, neither the shell nor compose interprets the values."""
    key_set = [keys.generate_key()]
    values = {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "RABBITMQ_PASSWORD": secrets.token_hex(24),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "JWT_PRIVATE_KEYS": json.dumps({"keys": key_set}),
        "JWT_PUBLIC_KEYS": json.dumps(keys.public_set(key_set)),
    }
    return [f"{name}='{value}'" for name, value in values.items()]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
