"""The address guard against an oracle that shares no code with it: the IANA special-purpose
registries written down as first and last addresses, searched with plain integers."""

import random
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heidi_common.http_client.addresses import is_public

SPECIAL_V4 = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
]
SPECIAL_V6 = [
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),  # loopback, mapped, NAT64, discard
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),  # unassigned, ULA, link-local, multicast
]
RANGES_V4 = [(int(IPv4Address(a)), int(IPv4Address(b))) for a, b in SPECIAL_V4]
RANGES_V6 = [(int(IPv6Address(a)), int(IPv6Address(b))) for a, b in SPECIAL_V6]


@given(st.integers(0, 2**32 - 1))
@example(int(IPv4Address("8.8.8.8")))
def test_every_ipv4_address_is_classified_as_in_the_registry(number: int) -> None:
    assert is_public(IPv4Address(number)) is not any(a <= number <= b for a, b in RANGES_V4)


@given(st.one_of(st.integers(0, 2**128 - 1), st.integers(0x2000 << 112, (0x4000 << 112) - 1)))
@example(int(IPv6Address("2606:4700:4700::1111")))
def test_every_ipv6_address_is_classified_as_in_the_registry(number: int) -> None:
    assert is_public(IPv6Address(number)) is not any(a <= number <= b for a, b in RANGES_V6)


@pytest.mark.parametrize(("first", "last"), SPECIAL_V4 + SPECIAL_V6)
def test_the_ends_of_each_special_range_and_their_neighbors_are_classified_correctly(first: str, last: str) -> None:
    kind, ranges, top = (IPv6Address, RANGES_V6, 2**128) if ":" in first else (IPv4Address, RANGES_V4, 2**32)
    start, end = int(kind(first)), int(kind(last))
    assert not is_public(kind(start)) and not is_public(kind(end))
    assert not is_public(kind(random.Random(first).randint(start, end)))
    for neighbor in (start - 1, end + 1):
        if 0 <= neighbor < top:
            assert is_public(kind(neighbor)) is not any(a <= neighbor <= b for a, b in ranges)


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8"])
@pytest.mark.parametrize("prefix", ["::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::", "2002::"])
def test_an_ipv6_address_that_contains_an_ipv4_address_is_not_public(prefix: str, inner: str) -> None:
    shift = 80 if prefix == "2002::" else 0
    assert not is_public(IPv6Address(int(IPv6Address(prefix)) | int(IPv4Address(inner)) << shift))
