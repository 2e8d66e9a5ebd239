"""What people have in a Secret: values with a line end, endpoints that are almost an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import ConfigurationError, CredentialsError, RetrainError
from retrain_trainer.store.s3.settings import settings

GOOD = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "pass word/+=ü",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL": "http://minio:9000",
    "AWS_PROFILE": "ml",
}


@given(name=st.sampled_from(sorted(GOOD)), before=st.text(" \t\r\n", max_size=3), after=st.text(" \t\r\n", max_size=3))
def test_white_space_around_a_value_is_not_part_of_it(name: str, before: str, after: str) -> None:
    given = settings(GOOD | {name: before + GOOD[name] + after}, "bucket")
    assert given.environ == GOOD
    assert given.endpoint == "http://minio:9000"


@pytest.mark.parametrize("name", [name for name in GOOD if name not in ("AWS_PROFILE", "AWS_ENDPOINT_URL")])
@pytest.mark.parametrize("inside", ["AKIA\nEXAMPLE", "AKIA\r\nEXAMPLE", "AKIA\0EXAMPLE", "AKIA\x7fEXAMPLE"])
def test_what_can_not_be_sent_is_refused_by_its_name_and_never_shown(name: str, inside: str) -> None:
    with pytest.raises(CredentialsError, match=f"^{name} has a ") as refused:
        settings(GOOD | {name: inside}, "bucket")
    assert refused.value.reason == "CredentialsRefused"
    assert "EXAMPLE" not in refused.value.message


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_REGION"])
@pytest.mark.parametrize("value", ["AKIAÉ", "\ufeffAKIA", "AKIA\u200b", "AKIA\u00a0X"])
def test_a_header_takes_ascii_alone(name: str, value: str) -> None:
    with pytest.raises(CredentialsError, match=name):
        settings(GOOD | {name: value}, "bucket")


def test_a_key_of_white_space_is_none() -> None:
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID is set and holds nothing"):
        settings(GOOD | {"AWS_ACCESS_KEY_ID": "\n"}, "bucket")


def test_no_endpoint_is_the_cloud_s_own_and_an_empty_one_is_none() -> None:
    assert settings({}, "bucket").endpoint is None
    assert settings({"AWS_ENDPOINT_URL": ""}, "bucket").endpoint is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://minio:9000",
        "https://minio.example/",
        "HTTPS://minio.example",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "http://bucket:9000",
        "http://user:word@minio:9000",
        "https://project.supabase.example/storage/v1/s3",
        "https://s3.eu-central-1.amazonaws.com",
    ],
)
def test_an_address_is_taken(endpoint: str) -> None:
    assert (
        settings({"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ENDPOINT_URL": "http://other"}, "bucket").endpoint == endpoint
    )


BEGIN = "must begin with http:// or https://, as in http://minio:9000"
ADDRESS = "is not the address of a server"
HOST = "has no valid host name"
TWICE = "names the bucket my-bucket, as the location s3://my-bucket/ does already; write the address without it: "


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("minio:9000", BEGIN),
        ("127.0.0.1:9000", BEGIN),
        ("s3://my-bucket/", BEGIN),
        ("tcp://minio:9000", BEGIN),
        ("not a url", BEGIN),
        ('"http://minio:9000"', BEGIN),
        ("//minio:9000", BEGIN),
        ("\n", BEGIN),
        ("http://minio:port", ADDRESS),
        ("http://minio:99999", ADDRESS),
        ("http://minio:9000?x=y", ADDRESS),
        ("http://minio:9000/#x", ADDRESS),
        ("http://mi nio:9000", ADDRESS),
        ("http://minio:9000\nhttp://other:9000", ADDRESS),
        ("http://[bad", ADDRESS),
        ("http://", HOST),
        ("http://:9000", HOST),
        ("http://my_minio:9000", HOST),
        ("http://minio:9000/my-bucket", f"{TWICE}http://minio:9000."),
        ("http://minio:9000/my-bucket/", f"{TWICE}http://minio:9000."),
        ("http://user:word@minio:9000/s3/my-bucket", f"{TWICE}http://minio:9000/s3."),
        ("https://my-bucket.s3.eu-west-1.amazonaws.com", f"{TWICE}https://s3.eu-west-1.amazonaws.com."),
    ],
)
def test_an_endpoint_that_can_not_be_meant_is_one_sentence(endpoint: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings({"AWS_ENDPOINT_URL": endpoint}, "my-bucket")
    assert refused.value.reason == "BadEndpoint"
    assert refused.value.message.startswith("AWS_ENDPOINT_URL ")
    assert words in refused.value.message
    assert "word" not in refused.value.message.replace("password", "")


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.text(max_size=30)))
def test_any_values_are_taken_or_refused_in_words_that_do_not_repeat_them(environ: dict[str, str]) -> None:
    try:
        given = settings(environ, "bucket")
    except RetrainError as error:
        message = error.message
    else:
        message = ""
        assert all(value == value.strip() for value in given.environ.values())
    assert not any(len(value) > 12 and value in message for value in environ.values())
