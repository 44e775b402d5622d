"""Settings of the servers that the platform needs: PostgreSQL, Redis and a broker."""

from __future__ import annotations

from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import natural, positive, postgres_url, url


@dataclass(frozen=True, kw_only=True)
class Database:
    """Database."""

    database_url: str = setting(
        "DATABASE_URL",
        parse=postgres_url,
        help="`postgresql://...`. PostgreSQL 15 or later, encoding UTF8, with the contrib extensions cube, pg_trgm and "
        "btree_gist.",
    )
    database_direct_url: str = setting(
        "DATABASE_DIRECT_URL",
        parse=postgres_url,
        default="",
        in_repr=False,
        help="A connection without PgBouncer, if `DATABASE_URL` leads to one in transaction mode: for LISTEN, "
        "migrations and backups. Unset: `DATABASE_URL`.",
    )
    max_instances: int = setting(
        "MAX_INSTANCES",
        parse=positive,
        default=1,
        help="How many instances of each service and worker run at most, for the connection budget of `flask doctor`.",
    )
    database_pool_size: int = setting(
        "DATABASE_POOL_SIZE", parse=natural, default=10, help="Connections that each process keeps."
    )
    database_max_overflow: int = setting(
        "DATABASE_MAX_OVERFLOW",
        parse=natural,
        default=0,
        help="Connections that a process may open beyond the pool.",
    )

    @property
    def direct_database_url(self) -> str:
        """The database without PgBouncer: for what keeps state in its session."""
        return self.database_direct_url or self.database_url


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Redis and broker."""

    redis_url: str = setting(
        "REDIS_URL",
        parse=url("redis", "rediss", "unix"),
        help="`redis://`, `rediss://` or `unix://`; Redis 7 or Valkey.",
    )
    broker_url: str = setting(
        "BROKER_URL",
        parse=url("amqp", "amqps", "redis", "rediss", "unix"),
        help="`amqp://` or `amqps://` for RabbitMQ; `redis://`, `rediss://` or `unix://` for Redis or Valkey.",
    )
