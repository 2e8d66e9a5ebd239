"""What a request to an S3 server is about, and the words in which an error may speak of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from retrain_api.errors import RetrainError

Write: TypeAlias = Literal["none", "plain", "conditional"]

_WORD = re.compile(r"[A-Za-z0-9.]{1,64}")


@dataclass(frozen=True)
class Target:
    """The endpoint, the bucket, and the URI of the object; `write` says what was asked of the server besides reading."""

    endpoint: str
    bucket: str
    uri: str
    write: Write = "none"


@dataclass(frozen=True)
class Passing:
    """What may pass by itself, in the words for what was observed. Where it does not, after a few tries, it is `lasting`."""

    observed: str
    lasting: Lasting | None = None


@dataclass(frozen=True)
class Lasting:
    """What lasts until somebody changes something. The sentence may name {endpoint}, {bucket}, {uri} and {answer}."""

    kind: type[RetrainError]
    reason: str
    sentence: str

    def error(self, target: Target, answer: str = "") -> RetrainError:
        """The error for this request."""
        named = {"endpoint": target.endpoint, "bucket": target.bucket, "uri": target.uri, "answer": answer}
        return self.kind(self.reason, self.sentence.format(**named))


Meaning: TypeAlias = Passing | Lasting


def shown_endpoint(url: str) -> str:
    """Scheme, host and port of an endpoint: the parts that are safe to show."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def shown_answer(status: int, code: str) -> str:
    """Status and error code of an answer, such as "501 NotImplemented"; whatever is no code is not repeated."""
    word = code if _WORD.fullmatch(code) and not code.isdigit() else ""
    return f"{status or ''} {word}".strip() or "no code"
