"""The connection string of connections that bypass SQLAlchemy."""

_SQLALCHEMY_PREFIX = "postgresql+psycopg2://"


def psycopg2_dsn(database_url: str) -> str:
    """Convert DATABASE_URL, which names SQLAlchemy's driver, to a connection string that libpq understands."""
    if database_url.startswith(_SQLALCHEMY_PREFIX):
        return "postgresql://" + database_url.removeprefix(_SQLALCHEMY_PREFIX)
    return database_url
