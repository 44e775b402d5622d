"""Settings of Kafka. The names of its client's own options are those of librdkafka."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import host_ports, one_of_any_case

TOPIC = "heidi.events"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, kw_only=True)
class Kafka:
    """Kafka."""

    kafka_url: str = setting(
        "KAFKA_URL",
        parse=host_ports,
        default="",
        help="Brokers of Kafka, `host:port`, separated by commas: the relay publishes all events to the topic "
        "`heidi.events`. Needs the extra `kafka`. See [events in Kafka](kafka.md).",
    )
    kafka_security_protocol: str = setting(
        "KAFKA_SECURITY_PROTOCOL",
        parse=one_of_any_case(*PROTOCOLS),
        default="PLAINTEXT",
        help="`PLAINTEXT`; `SSL`: TLS; `SASL_PLAINTEXT`: a user name and a password; `SASL_SSL`: both.",
    )
    kafka_sasl_mechanism: str = setting(
        "KAFKA_SASL_MECHANISM",
        parse=one_of_any_case(*MECHANISMS),
        default="PLAIN",
        help="How the password is proved: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.",
    )
    kafka_username: str = setting("KAFKA_USERNAME", default="", help="The user name, if the protocol uses SASL.")
    kafka_password: str = setting("KAFKA_PASSWORD", default="", in_repr=False, help="The password of this user.")
    kafka_ca: str = setting(
        "KAFKA_CA",
        default="",
        in_repr=False,
        help="The certificates of the authorities that sign those of the brokers, in PEM. Unset: those of the system.",
    )
    kafka_certificate: str = setting(
        "KAFKA_CERTIFICATE",
        default="",
        in_repr=False,
        help="The certificate of this client in PEM, with those in between, if the brokers require one.",
    )
    kafka_key: str = setting("KAFKA_KEY", default="", in_repr=False, help="Its private key in PEM.")

    @property
    def kafka_options(self) -> dict[str, str]:
        """The options with which a client connects to the brokers."""
        options = {"bootstrap.servers": self.kafka_url, "security.protocol": self.kafka_security_protocol}
        if "SASL" in self.kafka_security_protocol:
            options |= {
                "sasl.mechanism": self.kafka_sasl_mechanism,
                "sasl.username": self.kafka_username,
                "sasl.password": self.kafka_password,
            }
        if "SSL" in self.kafka_security_protocol:
            pems = {"ssl.ca.pem": self.kafka_ca, "ssl.certificate.pem": self.kafka_certificate}
            pems |= {"ssl.key.pem": self.kafka_key}
            options |= {name: pem for name, pem in pems.items() if pem}
        return options

    def kafka_problems(self) -> Iterator[str]:
        """What is wrong with the settings of Kafka together, one line each."""
        protocol = self.kafka_security_protocol
        is_secret = bool(self.kafka_username or self.kafka_password)
        if "SASL" in protocol and not (self.kafka_username and self.kafka_password):
            yield f"KAFKA_USERNAME and KAFKA_PASSWORD are required with KAFKA_SECURITY_PROTOCOL={protocol}"
        if "SASL" not in protocol and is_secret:
            yield f"KAFKA_USERNAME and KAFKA_PASSWORD are not used with KAFKA_SECURITY_PROTOCOL={protocol}"
        if "SSL" not in protocol and (self.kafka_ca or self.kafka_certificate or self.kafka_key):
            yield f"KAFKA_CA, KAFKA_CERTIFICATE and KAFKA_KEY are not used with KAFKA_SECURITY_PROTOCOL={protocol}"
        if bool(self.kafka_certificate) != bool(self.kafka_key):
            yield "KAFKA_CERTIFICATE and KAFKA_KEY must be set together"
