"""Which internet addresses are public.

Python 3.11's ``is_global`` lets multicast, 192.0.0.0/24, 192.88.99.0/24, 6to4, NAT64,
3fff::/20, 5f00::/16 and IPv4-mapped addresses through, so the special ranges of the IANA
registries stand here. For IPv6 only 2000::/3 is handed out to the public internet;
everything else (loopback, link-local, mapped, NAT64, multicast) falls by that one rule.
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
        "100.64.0.0/10",  # carrier NAT, and the metadata service of one cloud
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # host of Azure's virtual machines
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
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
        "2002::/16",  # 6to4: carries any IPv4 address inside
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """True when the address belongs to the public internet and to nothing special."""
    if isinstance(address, IPv6Address) and address not in _PUBLIC_IPV6:
        return False
    return not is_in(address, _SPECIAL)


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def may_connect(address: Address, allow: Sequence[Network]) -> bool:
    return is_public(address) or is_in(address, allow)


def literal(host: str) -> list[Address]:
    """The addresses that a host stands for without any name server, as the system reads it; none for a name."""
    host = unicodedata.normalize("NFKC", host).rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return [IPv4Address("127.0.0.1"), IPv6Address("::1")]
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    try:
        return [IPv4Address(socket.inet_aton(host))]  # 127.1, 0x7f.1 and 2130706433 are addresses, too
    except (OSError, ValueError):
        return []
