"""Which IP addresses belong to the public internet.

`is_global` of Python 3.11 is True for multicast, 192.0.0.0/24, 192.88.99.0/24, 6to4, NAT64, 3fff::/20, 5f00::/16 and
IPv4-mapped addresses. Therefore this module lists the special ranges itself. Of IPv6, only 2000::/3 is assigned to
the public internet. That excludes loopback, link-local, mapped, NAT64 and multicast addresses with one rule.

Source: https://www.iana.org/assignments/iana-ipv4-special-registry
Source: https://www.iana.org/assignments/iana-ipv6-special-registry
"""

import socket
import unicodedata
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PUBLIC_IPV6 = IPv6Network("2000::/3")
_SPECIAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and the metadata service of Alibaba Cloud
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the host of virtual machines in Azure
        "169.254.0.0/16",  # link-local, and the metadata service of most cloud providers
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: contains any IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet and not to a special range."""
    if isinstance(address, IPv6Address) and address not in _PUBLIC_IPV6:
        return False
    return not is_in_any(address, _SPECIAL)


def is_in_any(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)


def is_allowed(address: Address, allowed_networks: Sequence[Network]) -> bool:
    """Whether the client may connect to the address: it is public, or in a network that is allowed explicitly."""
    return is_public(address) or is_in_any(address, allowed_networks)


def literal_addresses(host: str) -> list[Address]:
    """The addresses that the host part of a URL denotes without a name server.

    Args:
        host: An IP address in any notation that the system's resolver accepts, or a name.

    Returns:
        The addresses. Empty for names, except for `localhost` and names below it.
    """
    host = unicodedata.normalize("NFKC", host).rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return [IPv4Address("127.0.0.1"), IPv6Address("::1")]
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    try:
        return [IPv4Address(socket.inet_aton(host))]  # accepts 127.1, 0x7f.1 and 2130706433, too
    except (OSError, ValueError):
        return []
