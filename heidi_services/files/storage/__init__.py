"""Where the content of files is stored. `storage()` returns the backend that FILES_URL selects.

| module | backend |
|---|---|
| `base.py` | what every backend does |
| `local.py` | a folder |
| `s3.py` | S3 and servers with its API |
"""

from heidi_services.files.storage.base import Storage, StorageError
from heidi_services.files.storage.selection import storage

__all__ = ["Storage", "StorageError", "storage"]
