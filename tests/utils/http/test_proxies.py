"""Whom a request is from, behind proxies: what trusted ones say, and nothing that others claim."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import SettingsError
from utils.http import proxies
from utils.settings import Settings

TRUSTED = "127.0.0.1, 10.0.0.0/8, fd00::/8"
TOLD = ("remote_addr", "scheme", "host")


def seen(trusted: str, peer: str, **headers: str) -> tuple[str, str, str]:
    """(client, scheme, host) as the app sees them."""
    app = Flask(__name__)
    proxies.install(app, Settings(trusted_proxies=trusted))

    @app.get("/")
    def index() -> dict[str, Any]:
        return {name: getattr(request, name) for name in TOLD}

    named = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    reply = app.test_client().get("/", headers=named, environ_base={"REMOTE_ADDR": peer})
    return tuple(reply.json[name] for name in TOLD)  # type: ignore[index, return-value]


@pytest.mark.parametrize(
    ("peer", "chain", "client"),
    [
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "192.0.2.7", "192.0.2.7"),
        ("10.1.1.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("10.1.1.1", "6.6.6.6, 192.0.2.7, 10.2.2.2", "192.0.2.7"),
        ("10.1.1.1", "192.0.2.7:4711", "192.0.2.7"),
        ("10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),  # from inside, through two
        ("10.1.1.1", "6.6.6.6, unknown, 10.2.2.2", "10.2.2.2"),  # who was that? the last known
        ("10.1.1.1", "6.6.6.6,, 10.2.2.2", "10.2.2.2"),
        ("10.1.1.1", "999.0.0.1", "10.1.1.1"),
        ("fd00::1", "2001:DB8:0::7", "2001:db8::7"),
        ("fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.9", "6.6.6.6", "192.0.2.9"),  # nobody trusts it
        ("192.0.2.9", "10.1.1.1", "192.0.2.9"),
    ],
)
def test_the_client_behind_a_chain(peer: str, chain: str, client: str) -> None:
    assert seen(TRUSTED, peer, For=chain)[0] == client


def test_scheme_and_host_of_a_trusted_proxy() -> None:
    forwarded = {
        "For": "192.0.2.7",
        "Proto": "http, https",
        "Host": "evil.example, lstm.example.com:8443",
    }
    assert seen(TRUSTED, "10.1.1.1", **forwarded)[1:] == ("https", "lstm.example.com:8443")
    assert seen(TRUSTED, "192.0.2.9", **forwarded) == ("192.0.2.9", "http", "localhost")
    assert seen("", "127.0.0.1", **forwarded) == ("127.0.0.1", "http", "localhost")


@pytest.mark.parametrize("name", ["Proto", "Host"])
@pytest.mark.parametrize("junk", ["", "javascript", "a b", "<script>", "http://a/", "a:b:c", "ä"])
def test_a_trusted_proxy_that_says_what_cannot_be(name: str, junk: str) -> None:
    known = seen(TRUSTED, "10.1.1.1")
    if name == "Host" and junk == "javascript":  # a name as good as any
        known = (*known[:2], junk)
    assert seen(TRUSTED, "10.1.1.1", **{name: junk}) == known


_ADDRESSES = st.ip_addresses().map(str)
_STRANGERS = _ADDRESSES.filter(
    lambda text: (
        not any(
            (getattr(ip_address(text), "ipv4_mapped", None) or ip_address(text)) in network
            for network in Settings(trusted_proxies=TRUSTED).proxies
        )
    )
)
_PROXIES = st.sampled_from(["127.0.0.1", "10.0.0.1", "10.255.255.255", "fd00::1", "[fd00::2]:80"])
_CLAIMS = st.one_of(st.text("0123456789abcdef:., \t[]x", max_size=40), _ADDRESSES, _PROXIES)


def middleware() -> proxies.TrustedProxies:
    return proxies.TrustedProxies(lambda *_: [], Settings(trusted_proxies=TRUSTED).proxies)


@given(claim=st.lists(_CLAIMS, max_size=5), client=_STRANGERS, chain=st.lists(_PROXIES, max_size=4))
def test_what_a_client_claims_changes_nothing(
    claim: list[str], client: str, chain: list[str]
) -> None:
    """Whatever the header held before the first trusted proxy added whom it was called by."""
    honest = ", ".join([client, *chain])
    found = middleware().client("127.0.0.1", ",".join([*claim, honest]))
    assert found == middleware().client("127.0.0.1", honest)
    expected = ip_address(client)
    assert ip_address(found) == (getattr(expected, "ipv4_mapped", None) or expected)


@given(peer=_STRANGERS, claim=st.lists(_CLAIMS, max_size=5))
def test_what_a_stranger_says_is_not_looked_at(peer: str, claim: list[str]) -> None:
    received: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start: Any) -> list[bytes]:
        received.update(environ)
        return []

    sent = {
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "ours",
        "HTTP_X_FORWARDED_FOR": ",".join(claim),
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "theirs",
    }
    proxies.TrustedProxies(app, Settings(trusted_proxies=TRUSTED).proxies)(dict(sent), None)  # type: ignore[arg-type]
    assert received == sent


@given(chain=st.text(max_size=200))
def test_any_text_leads_to_an_address(chain: str) -> None:
    assert ip_address(middleware().client("127.0.0.1", chain))


def test_networks_are_read() -> None:
    assert Settings(trusted_proxies=TRUSTED).proxies == [
        ip_network("127.0.0.1"),
        ip_network("10.0.0.0/8"),
        ip_network("fd00::/8"),
    ]


@pytest.mark.parametrize("bad", ["nginx", "10.0.0.1/8", "10.0.0.0/33", "*", "127.0.0.1;::1"])
def test_a_network_that_is_none(bad: str) -> None:
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES") as raised:
        Settings(trusted_proxies=f"127.0.0.1,{bad}")
    assert bad in str(raised.value)
