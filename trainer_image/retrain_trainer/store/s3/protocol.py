"""Which protocol an endpoint speaks: the evidence for http:// where https:// is meant, and the other way round.

Many servers only hang up on the wrong protocol, which looks like a connection that broke. So a connection that is closed without an
answer is asked in the other protocol, once, without credentials: what answers there is a mistake in the address.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies

SECONDS = 2.0


def speaks_the_other(endpoint: str) -> bool:
    """Whether what listens at this endpoint speaks http where it says https, or https where it says http.

    False as well where that can't be found out, such as behind a proxy.
    """
    parts = urlsplit(endpoint)
    secure, host = parts.scheme == "https", parts.hostname or ""
    try:
        if get_environ_proxies(endpoint):
            return False
        with socket.create_connection((host, parts.port or (443 if secure else 80)), SECONDS) as connection:
            return _answers_http(connection, host) if secure else _shakes_hands(connection, host)
    except (OSError, ValueError):
        return False


def _answers_http(connection: socket.socket, host: str) -> bool:
    """A server that expects TLS may say 400 in plain text, so that alone is no evidence."""
    connection.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = connection.recv(12)
    return answer.startswith(b"HTTP/") and not answer.endswith(b" 400")


def _shakes_hands(connection: socket.socket, host: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent; it only has to answer
    with context.wrap_socket(connection, server_hostname=host):
        return True
