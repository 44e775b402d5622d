"""The connection string of connections that bypass SQLAlchemy."""

_SQLALCHEMY = "postgresql+psycopg2://"


def psycopg2_dsn(database_url: str) -> str:
    """Convert DATABASE_URL, which names SQLAlchemy's driver, to a connection string that libpq understands."""
    if database_url.startswith(_SQLALCHEMY):
        return "postgresql://" + database_url.removeprefix(_SQLALCHEMY)
    return database_url
