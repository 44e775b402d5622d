"""`make .env` and `make kubernetes-secrets`: print or write new random secrets."""

import base64
import json
import os
import secrets
import stat
import sys
from pathlib import Path

from heidi_common.jwt import keys

PRIVATE = 0o600


def values() -> dict[str, str]:
    """Generate a value for each secret."""
    key_set = [keys.generate_key(), keys.generate_key("next")]  # published before it signs, after the first rotation
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "RABBITMQ_PASSWORD": secrets.token_hex(24),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "JWT_PRIVATE_KEYS": json.dumps({"keys": key_set}),
        "JWT_PUBLIC_KEYS": json.dumps(keys.public_set(key_set)),
    }


def lines() -> list[str]:
    """Generate the lines of `.env`. In single quotes, neither the shell nor compose interprets the values."""
    return [f"{name}='{value}'" for name, value in values().items()]


def print_lines() -> None:
    """Print the lines. A file to which the output is redirected becomes private before they are in it."""
    if stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode):
        os.fchmod(sys.stdout.fileno(), PRIVATE)
    sys.stdout.write("\n".join(lines()) + "\n")


def write_kubernetes(folder: Path) -> None:
    """Write the files from which Kustomize makes the secrets of the development overlay.

    Args:
        folder: The overlay.

    Raises:
        FileExistsError: It has secrets already, with which its database was created.
    """
    generated = values()
    signing_keys = {"JWT_PRIVATE_KEYS": generated.pop("JWT_PRIVATE_KEYS")}
    urls = {
        "DATABASE_URL": f"postgresql://heidi:{generated['POSTGRES_PASSWORD']}@postgres:5432/heidi",
        "REDIS_URL": f"redis://:{generated['REDIS_PASSWORD']}@redis:6379/0",
        "BROKER_URL": f"amqp://heidi:{generated['RABBITMQ_PASSWORD']}@rabbitmq:5672/%2F",
    }
    for name, content in {"secrets.env": generated | urls, "signing-keys.env": signing_keys}.items():
        _write_private(folder / name, "".join(f"{key}={value}\n" for key, value in content.items()))


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def main(arguments: list[str]) -> int:
    if not arguments:
        print_lines()
        return 0
    try:
        write_kubernetes(Path(arguments[0]))
    except FileExistsError as error:
        sys.stderr.write(
            f"{error.filename} exists; its database would not accept other passwords. Nothing was changed.\n"
        )
        return 1
    sys.stdout.write(f"{arguments[0]}/secrets.env and signing-keys.env have new secrets, for their owner only.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
