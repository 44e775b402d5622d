"""The signing keys of a standalone platform: created by its first start, replaced if their file is damaged."""

import json
from pathlib import Path

from heidi_common.server.durable_files import write_durably
from heidi_standalone.home.private_files import write_private
from heidi_standalone.home.stored_json import read_object
from heidi_standalone.progress import echo


def ensure(private: Path, public: Path) -> None:
    """Make both files complete. Each is rebuilt from the other as far as possible.

    Args:
        private: The private key set. If it is lost, a new key signs from now on.
        public: The public key set. Its keys remain valid, so that tokens signed with a lost key are still accepted.
    """
    signing, verifying = _read(private, "d"), _read(public, "x")
    if signing and verifying:
        return
    damaged = [file for file, key_set in ((private, signing), (public, verifying)) if file.exists() and not key_set]
    _rebuild(private, public, signing or [], verifying or [])
    for file in damaged:
        echo(f"  {file} was damaged and has been {'restored' if signing else 'replaced by a new key'}")


def _rebuild(private: Path, public: Path, signing: list[dict[str, str]], verifying: list[dict[str, str]]) -> None:
    """Write the public set first: no key may sign before it is published."""
    # Imported here because it loads cryptography, and only a first start needs it.
    from heidi_common.jwt import keys

    new = signing or [keys.generate_key()]
    published = {key["kid"]: key for key in [*verifying, *keys.public_set(new)["keys"]]}
    write_durably(public, json.dumps({"keys": list(published.values())}, indent=1), mode=0o644)
    if not signing:
        write_private(private, json.dumps({"keys": new}, indent=1))


def _read(path: Path, member: str) -> list[dict[str, str]] | None:
    key_set = (read_object(path, "keys") or {}).get("keys")
    if not isinstance(key_set, list):
        return None
    complete = all(isinstance(key, dict) and key.get("kid") and key.get(member) for key in key_set)
    return key_set if complete else None
