"""Servers whose certificate is of a company's own authority: the key ca.crt of the Secret, over real TLS."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.authority import Authority, new_authority, tls_before
from support.containers import environment, mounted
from support.git_server import GitServer, git
from support.planning import Cluster
from support.remotes import configured, in_s3

from retrain_api.errors import ConfigurationError, RetrainError
from retrain_api.spec.credentials import Credentials
from retrain_api.spec.run import Git
from retrain_cli.commands.doctor.access import Place, probe_access
from retrain_cli.commands.doctor.git import probe_git
from retrain_trainer.deliver.git_report import Branch, push_files
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.open import open_store
from retrain_trainer.store.patience import Patience


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]) -> Authority:
    require(shutil.which("openssl"), "openssl is not installed; it makes the certificates")
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def endpoint(s3: Any, authority: Authority) -> Iterator[str]:
    """The S3 server over TLS."""
    with tls_before(s3.ports[6], authority.server_context()) as port:
        yield f"https://127.0.0.1:{port}"


@pytest.fixture
def git_url(git_server: GitServer, authority: Authority) -> Iterator[str]:
    """A repository over TLS."""
    git_server.repository()
    with tls_before(git_server.port, authority.server_context()) as port:
        yield f"https://127.0.0.1:{port}/reports.git"


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "RCLONE_CA_CERT"):
        monkeypatch.delenv(name, raising=False)


Secrets = dict[str, dict[str, str]]


def in_a_pod(secrets: Secrets, folder: Path, phase: str = "train", **spec: Any) -> dict[str, str]:
    """The environment of a phase's container, with the Secrets mounted where the manifest says."""
    cluster = Cluster.of(**spec)
    cluster.to_the_end()
    [manifest, *_] = [
        one for one in cluster.manifests.values() if one["metadata"]["labels"]["retrain.crpbot.dev/phase"] == phase
    ]
    pod = {"metadata": manifest["metadata"], "spec": manifest["spec"]["template"]["spec"]}

    def read(namespace: str, name: str) -> Mapping[str, str] | None:
        return secrets.get(name)

    own = environment(pod, read)
    for path, place in mounted(pod, folder, read).items():
        own = {name: value.replace(path, place) for name, value in own.items()}
    return {"PATH": os.environ["PATH"], **own}


def refusal(act: Callable[[], object]) -> RetrainError:
    with pytest.raises(ConfigurationError) as raised:
        act()
    assert "BEGIN CERTIFICATE" not in raised.value.message or "-----BEGIN CERTIFICATE-----." in raised.value.message
    return raised.value


# On a cluster


def test_s3_is_trusted_by_the_authority_in_the_secret(
    s3: Any, s3_root: str, endpoint: str, authority: Authority, tmp_path: Path
) -> None:
    secret = s3.environ(endpoint=endpoint) | {"ca.crt": authority.certificate.read_text()}
    environ = in_a_pod({"minio": secret}, tmp_path, credentials={"secretName": "minio"})
    for purpose in ("data", "artifacts"):
        store = open_store(s3_root, environ_for(purpose, environ), 0)
        store.write(purpose, b"over TLS")
        assert store.read(purpose).data == b"over TLS"


def test_without_it_the_sentence_names_the_key_at_once(s3: Any, s3_root: str, endpoint: str, tmp_path: Path) -> None:
    environ = in_a_pod({"minio": s3.environ(endpoint=endpoint)}, tmp_path, credentials={"secretName": "minio"})
    error = refusal(lambda: open_store(s3_root, environ_for("data", environ), 60).head("x"))
    assert error.reason == "CertificateNotTrusted"
    assert "key ca.crt of the credentials' Secret" in error.message and endpoint in error.message


def test_one_purpose_has_an_authority_of_its_own(
    s3: Any, s3_root: str, endpoint: str, authority: Authority, tmp_path: Path
) -> None:
    secrets = {
        "run": s3.environ(),
        "own": s3.environ(endpoint=endpoint) | {"ca.crt": authority.certificate.read_text()},
    }
    spec = {"credentials": {"secretName": "run"}, "data": {"uri": s3_root, "credentials": {"secretName": "own"}}}
    environ = in_a_pod(secrets, tmp_path, **spec)
    open_store(s3_root, environ_for("data", environ), 0).write("x", b"over TLS")
    assert open_store(s3_root, environ_for("artifacts", environ), 0).read("x").data == b"over TLS"


@pytest.mark.parametrize(
    ("own", "trusted"),
    [
        ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}, True),
        ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "https://elsewhere"}, False),
    ],
)
def test_the_authority_of_the_run_goes_with_its_endpoint(
    s3: Any, authority: Authority, tmp_path: Path, own: dict[str, str], trusted: bool
) -> None:
    run = s3.environ() | {"ca.crt": authority.certificate.read_text()}
    spec = {"credentials": {"secretName": "run"}, "data": {"uri": "s3://bucket/", "credentials": {"secretName": "own"}}}
    environ = in_a_pod({"run": run, "own": own}, tmp_path, **spec)
    assert bool(environ_for("data", environ)["AWS_CA_FILE"]) == trusted


def test_rclone_is_trusted_by_the_authority_beside_its_configuration(
    rclone: None, s3: Any, shared_bucket: str, endpoint: str, authority: Authority, tmp_path: Path
) -> None:
    config = configured(tmp_path / "conf", in_s3("minio", endpoint, *list(s3.environ().values())[:2])).read_text()
    secret = {"rclone.conf": config, "ca.crt": authority.certificate.read_text()}
    spec = {"credentials": {"rcloneConfigSecretName": "drive"}}
    place = f"rclone://minio/{shared_bucket}/tls/"
    environ = in_a_pod({"drive": secret}, tmp_path / "with", **spec)
    open_store(place, environ_for("data", environ), 0).write("x", b"over TLS")
    environ = in_a_pod({"drive": {"rclone.conf": config}}, tmp_path / "without", **spec)
    error = refusal(lambda: open_store(place, environ_for("data", environ), 60).read("x"))
    assert error.reason == "CertificateNotTrusted" and "key ca.crt" in error.message


def test_git_is_trusted_by_the_authority_beside_its_token(
    git_server: GitServer, git_url: str, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "report.md").write_text("a report")
    files, branch = {"report.md": tmp_path / "report.md"}, Branch(git_url, "main", "")
    secret = {"token": git_server.token, "ca.crt": authority.certificate.read_text()}
    spec = {"report": {"git": {"url": git_url, "secretName": "git"}}, "phase": "deliver"}
    environ = in_a_pod({"git": secret}, tmp_path / "with", **spec)
    assert push_files(branch, files, "report 1", environ, Patience(0))
    assert git("-C", git_server.folder / "reports.git", "show", "main:report.md") == "a report"
    environ = in_a_pod({"git": {"token": git_server.token}}, tmp_path / "without", **spec)
    error = refusal(lambda: push_files(branch, files, "report 1", environ, Patience(60)))
    assert error.reason == "CertificateNotTrusted" and "key ca.crt" in error.message


def test_nothing_of_the_secret_but_the_authority_is_a_file(s3: Any, authority: Authority, tmp_path: Path) -> None:
    secret = s3.environ() | {"ca.crt": authority.certificate.read_text()}
    in_a_pod({"minio": secret}, tmp_path, credentials={"secretName": "minio"})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ca.crt"]


@pytest.mark.parametrize("speaks_tls", [True, False], ids=["a certificate for another name", "no TLS at all"])
def test_a_mistake_in_the_address_is_said_at_once(
    rclone: None, s3: Any, git_server: GitServer, tmp_path: Path, speaks_tls: bool
) -> None:
    """Of rclone and git, whose words these are; a patience of a minute would be waited for."""
    git_server.repository()
    context = new_authority(tmp_path / "other").server_context("DNS:elsewhere.example")
    with tls_before(s3.ports[6], context) as s3_port, tls_before(git_server.port, context) as git_port:
        if not speaks_tls:
            s3_port, git_port = s3.ports[6], git_server.port
        trusted = str(tmp_path / "other" / "ca.crt")
        config = configured(tmp_path / "r.conf", in_s3("minio", f"https://127.0.0.1:{s3_port}", "key", "secret"))
        environ = os.environ | {"RCLONE_CONFIG": str(config), "RCLONE_CA_CERT": trusted, "GIT_SSL_CAINFO": trusted}
        branch = Branch(f"https://127.0.0.1:{git_port}/reports.git", "main", "")
        errors = (
            refusal(lambda: open_store("rclone://minio/bucket/", environ, 60).read("x")),
            refusal(lambda: push_files(branch, {}, "report 1", environ, Patience(60))),
        )
    for error in errors:
        assert error.reason == ("CertificateNotTrusted" if speaks_tls else "BadLocation")
        assert ("for another name" if speaks_tls else "does not speak TLS") in error.message


# What is no certificate


@pytest.mark.parametrize(
    "text",
    {
        "empty": "",
        "a word": "company-ca",
        "a private key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        "encoded once more": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode(),
        "cut off": "-----BEGIN CERTIFICATE-----\nMIIB",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_key_without_a_certificate_is_one_sentence(
    s3: Any, s3_root: str, git_url: str, rclone: None, tmp_path: Path, text: tuple[str, str]
) -> None:
    value = text[1]
    spec = {"credentials": {"secretName": "run"}, "report": {"git": {"url": git_url, "secretName": "run"}}}
    environ = in_a_pod({"run": s3.environ() | {"token": "t", "ca.crt": value}}, tmp_path, "deliver", **spec)
    environ["RETRAIN_RCLONE_CA_FILE"] = environ["AWS_CA_FILE"]
    for act in (
        lambda: open_store(s3_root, environ_for("data", environ), 60),
        lambda: open_store("rclone://remote/x/", environ_for("data", environ), 60),
        lambda: push_files(Branch(git_url, "main", ""), {}, "report 1", environ, Patience(60)),
    ):
        error = refusal(act)
        assert error.reason == "BadCertificateAuthority"
        assert error.message.startswith("The key ca.crt of the Secret holds no certificate; ")
        assert not value or value not in error.message.replace("-----BEGIN CERTIFICATE-----.", "")


# Without a cluster


def test_a_bundle_that_is_not_there_is_a_sentence_and_no_broken_connection(s3: Any, s3_root: str) -> None:
    environ = s3.environ(endpoint="https://127.0.0.1:1") | {"AWS_CA_BUNDLE": "/nowhere.pem"}
    error = refusal(lambda: open_store(s3_root, environ, 60))
    assert error.reason == "BadCertificateAuthority"
    assert error.message.startswith(
        "/nowhere.pem, which AWS_CA_BUNDLE names, can't be read (No such file or directory)"
    )


def test_doctor_names_the_authority_here_and_on_a_cluster(
    s3: Any, s3_root: str, endpoint: str, git_server: GitServer, git_url: str, authority: Authority
) -> None:
    here = s3.environ(endpoint=endpoint) | {"AWS_CA_BUNDLE": str(authority.certificate)}
    place = Place("data", s3_root, Credentials(secretName="minio"))
    sentence = probe_access(place, here)
    assert sentence.endswith(
        "; its certificate is checked by the authority in AWS_CA_BUNDLE here, and on a cluster by the key ca.crt of Secret minio"
    )
    own = s3.environ(endpoint=endpoint) | {"RETRAIN_DATA_AWS_CA_BUNDLE": str(authority.certificate)}
    assert "the authority in RETRAIN_DATA_AWS_CA_BUNDLE here" in probe_access(place, own)
    with_git = {"PATH": os.environ["PATH"], "RETRAIN_GIT_TOKEN": git_server.token}
    with_git["GIT_SSL_CAINFO"] = str(authority.certificate)
    said = probe_git(Git(url=git_url, secretName="git"), with_git)
    assert "the authority in GIT_SSL_CAINFO here, and on a cluster by the key ca.crt of Secret git" in said.sentence
