"""A new .env for docker compose on standard output, with secrets nobody else has: ``make secrets``."""

import base64
import json
import secrets
import sys

from heidi_common.jwt import keys


def lines() -> list[str]:
    """Single quotes: neither the shell nor compose looks for anything inside."""
    signing = [keys.generate_key()]
    made = {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "RABBITMQ_PASSWORD": secrets.token_hex(24),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "JWT_PRIVATE_KEYS": json.dumps({"keys": signing}),
        "JWT_PUBLIC_KEYS": json.dumps(keys.public_set(signing)),
    }
    return [f"{name}='{value}'" for name, value in made.items()]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
