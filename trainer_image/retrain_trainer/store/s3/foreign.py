"""Answers that do not come from an S3 server: a redirect of an ingress, the page of a console, a proxy or a firewall.

They are recognised before botocore reads them. It follows a redirect by asking the bucket for its region, which is
redirected as well, until Python's stack is full; a 404 page becomes an object that is missing, and a page with 200 becomes
an object, an empty list or a broken connection, depending on the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_HEAD_BYTES = 1024
_CODE = re.compile(rb"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")


class Foreign(Exception):
    """An answer that is not S3's. `location` is where a redirect leads; `code` is S3's own, where it redirects to nowhere."""

    def __init__(self, status: int, location: str | None = None, code: str = "") -> None:
        super().__init__(f"answered {status}")
        self.status, self.location, self.code = status, location, code


def watch(client: Any) -> None:
    """Make the client raise Foreign in place of reading such an answer.

    Of all handlers those of the least specific name come first, and botocore's own turns a page with 200 into a 500.
    """
    client.meta.events.register_first("before-parse.*.*", _check)


def _check(response_dict: Mapping[str, Any], **_: object) -> None:
    status, headers, body = response_dict["status_code"], response_dict["headers"], response_dict["body"]
    text = body if isinstance(body, bytes) else None
    redirect = is_redirect(status, headers, text)
    if not redirect and not is_page(status, headers, text):
        return
    if text is None:
        body.close()  # an object that nobody will read
    if not redirect:
        raise Foreign(status)
    raise Foreign(status, headers.get("location", ""), code_in(text) or _code_of_head(status, headers))


def is_redirect(status: int, headers: Mapping[str, str], body: bytes | None) -> bool:
    """Whether it sends the client elsewhere without naming the bucket's region, which S3's own redirects do."""
    known = "x-amz-bucket-region" in headers or (code_in(body) and b"<Region>" in (body or b""))
    return 300 <= status < 400 and status != 304 and not known


def is_page(status: int, headers: Mapping[str, str], body: bytes | None) -> bool:
    """Whether it is something for a browser. `body` is None for an object, which is not read yet.

    A 5xx, or a request to come again later, passes by itself whoever wrote it.
    """
    if status >= 500 or status in (407, 408, 425, 429):
        return False
    if status >= 400:
        return bool(body) and not code_in(body)
    if body:
        return not body.lstrip().startswith(b"<") or _is_html(body)
    is_html = headers.get("content-type", "").lower().startswith("text/html")
    return is_html and ("etag" not in headers or not any(name.lower().startswith("x-amz-") for name in headers))


def _code_of_head(status: int, headers: Mapping[str, str]) -> str:
    """An answer of S3 to HEAD has no body, so no code."""
    if "x-amz-request-id" not in headers:
        return ""
    return "TemporaryRedirect" if status == 307 else "PermanentRedirect"


def code_in(body: bytes | None) -> str:
    """The error code in an answer of S3; empty where there is none."""
    found = None if body is None or _is_html(body) else _CODE.search(body)
    return found[1].decode() if found else ""


def _is_html(body: bytes) -> bool:
    head = body[:_HEAD_BYTES].lower()
    return b"<html" in head or b"<!doctype html" in head
