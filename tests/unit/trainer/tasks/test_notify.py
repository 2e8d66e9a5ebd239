"""A receiver is told, or it is said why not; and nowhere is there more of its URL than the scheme. All servers are real."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.places import ROOT
from support.receivers import MailServer, Webhook, closed_port, mail_server

from retrain_api.documents.encoding import decode_message, encode_task
from retrain_api.documents.references import RunRef
from retrain_api.documents.results import NotifyResult, TaskFailure
from retrain_api.documents.tasks import NotifyTask
from retrain_api.errors import ConfigurationError, RetrainError, SoftwareError
from retrain_api.names import NOTIFY_URL
from retrain_trainer.notify.silence import LIBRARIES
from retrain_trainer.tasks import notify
from retrain_trainer.tasks.notify import Patience

AT_ONCE = Patience(pauses=(0, 0), one_try=20)
TASK = NotifyTask(
    run=RunRef(namespace="trading", name="nightly", uid="uid-1"),
    artifacts_uri="s3://models/",
    key="uid-1/3-Promoted",
    receiver="ops",
    title="nightly: Promoted",
    body="3 of 3 models pass.\nReport: s3://models/reports/1/report.html",
    fields={"state": "Promoted", "namespace": "trading"},
)
SECRETS = ("user-9c41", "password-52be", "token-77aa", "extra-1d0c")
MAIL = "to=ops@example.com&from=retrain@example.com"


@pytest.fixture(autouse=True)
def _no_pause_between_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise waits five seconds between two mails of one process."""
    monkeypatch.setattr("apprise.plugins.base.NotifyBase.request_rate_per_sec", 0)


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """Put back what the task turned off for its process."""
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    before = [(one.level, one.propagate, one.handlers) for one in loggers]
    yield
    for one, (level, propagate, handlers) in zip(loggers, before, strict=True):
        one.level, one.propagate, one.handlers = level, propagate, handlers


# A server on this machine has no certificate.
unencrypted = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture
def mails() -> Iterator[tuple[MailServer, int]]:
    with mail_server() as server:
        yield server


def tell(url: str, patience: Patience = AT_ONCE) -> NotifyResult:
    return notify.run(TASK, {NOTIFY_URL: url}, print, patience)


def refusal(url: str, patience: Patience = AT_ONCE) -> RetrainError:
    with pytest.raises(RetrainError) as caught:
        tell(url, patience)
    return caught.value


def test_a_webhook_gets_title_message_and_the_fields_for_programs() -> None:
    with Webhook() as webhook:
        result = tell(f"json://{webhook.place}/hook")
    assert result == NotifyResult(key=TASK.key, scheme="json")
    [(path, _, body)] = webhook.requests
    assert path == "/hook"
    assert body["title"] == TASK.title and body["message"] == TASK.body and body["type"] == "info"
    assert (body["state"], body["namespace"]) == ("Promoted", "trading")


def test_what_the_url_adds_or_renames_goes_before_our_fields() -> None:
    with Webhook() as webhook:
        tell(f"json://{webhook.place}/?:state=mine&:message=text")
    assert webhook.bodies[0]["state"] == "mine" and webhook.bodies[0]["text"] == TASK.body


def test_a_warning_is_told_as_one() -> None:
    with Webhook() as webhook:
        notify.run(TASK.model_copy(update={"warning": True}), {NOTIFY_URL: f"json://{webhook.place}"}, print, AT_ONCE)
    assert webhook.bodies[0]["type"] == "warning"


def test_the_end_of_the_line_in_a_secret_is_no_part_of_the_url() -> None:
    with Webhook() as webhook:
        tell(f"  json://{webhook.place}/hook\n")
    assert webhook.requests[0][0] == "/hook"


def test_a_receiver_that_recovers_is_told_at_the_second_or_third_try() -> None:
    with Webhook(500, 503, 200) as webhook:
        assert tell(f"json://{webhook.place}").scheme == "json"
    assert len(webhook.requests) == 3


@pytest.mark.parametrize(
    ("code", "kind", "tries", "words"),
    [
        (500, SoftwareError, 3, "did not take the message (500), three times"),
        (429, SoftwareError, 3, "did not take the message (429), three times"),
        (400, ConfigurationError, 1, "did not take the message (400)"),
        (401, ConfigurationError, 1, "refuses the token or password of the Secret's url (401)"),
        (403, ConfigurationError, 1, "refuses the token or password of the Secret's url (403)"),
        (404, ConfigurationError, 1, "does not know the address in the Secret's url (404)"),
    ],
)
def test_what_may_pass_is_tried_three_times_and_what_will_not_once(
    code: int, kind: type[RetrainError], tries: int, words: str
) -> None:
    with Webhook(code) as webhook:
        error = refusal(f"json://{webhook.place}")
    assert (type(error), error.reason) == (kind, "ReceiverFailed")
    assert error.message == f"The receiver (json://) {words}."
    assert len(webhook.requests) == tries


def test_a_redirect_takes_the_message_nowhere_and_is_told() -> None:
    with Webhook() as elsewhere, Webhook(307, location=f"http://{elsewhere.place}/") as webhook:
        for follow in ("", "?redirect=yes"):
            error = refusal(f"json://{webhook.place}/{follow}")
            assert error.reason == "ReceiverFailed" and "a redirect (307), which is not followed" in error.message
            assert elsewhere.place not in error.message
    assert elsewhere.requests == []


def test_a_closed_port_is_said_to_be_out_of_reach() -> None:
    error = refusal(f"json://127.0.0.1:{closed_port()}")
    assert (error.reason, error.message) == ("ReceiverFailed", "The receiver (json://) can't be reached, three times.")


@pytest.mark.parametrize(("url", "patience"), [("?rto=0.2", AT_ONCE), ("", Patience(pauses=(0, 0), one_try=0.2))])
def test_a_receiver_that_hangs_is_given_up(url: str, patience: Patience) -> None:
    with Webhook(slow=True) as webhook:
        error = refusal(f"json://{webhook.place}/{url}", patience)
    assert error.message == "The receiver (json://) did not answer in time, three times."
    assert len(webhook.requests) == 3


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "RETRAIN_NOTIFY_URL is empty"),
        (f"{SECRETS[2]}:{SECRETS[1]}", "has no scheme"),
        (f"slak://{SECRETS[2]}", "knows no service slak://"),
        (f"slack://{SECRETS[2]}", "is not how Apprise writes slack://"),
        (f"https://example.com/{SECRETS[2]}", "a webhook of your own is written jsons://"),
        (f"mqtt://{SECRETS[0]}:{SECRETS[1]}@example.com/topic", "mqtt:// needs a library"),
        ("json://", "is not how Apprise writes json://"),
    ],
)
def test_a_wrong_url_is_the_users_to_correct(url: str, words: str) -> None:
    error = refusal(url)
    assert (type(error), error.reason) == (ConfigurationError, "BadReceiver")
    assert words in error.message
    assert not any(secret in error.message for secret in SECRETS)


@unencrypted
def test_a_mail_is_plain_text_with_a_readable_subject(mails: tuple[MailServer, int]) -> None:
    server, port = mails
    user = server.user.replace("@", "%40")
    url = f"mailto://{user}:{server.password}@127.0.0.1:{port}?{MAIL}&mode=insecure"
    assert tell(url).scheme == "mailto"
    [mail] = server.mails
    assert (mail["Subject"], server.recipients) == (TASK.title, ["ops@example.com"])
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().split() == TASK.body.split()


@unencrypted
def test_a_mail_server_that_refuses_the_password_is_asked_once(mails: tuple[MailServer, int]) -> None:
    server, port = mails
    error = refusal(f"mailto://{SECRETS[0]}:{SECRETS[1]}@127.0.0.1:{port}?{MAIL}&mode=insecure")
    assert error.message == "The receiver (mailto://) refuses the user or password of the Secret's url."
    assert server.mails == [] and isinstance(error, ConfigurationError)


def test_a_mail_server_that_is_away_is_tried_three_times() -> None:
    error = refusal(f"mailto://a:b@127.0.0.1:{closed_port()}?{MAIL}&mode=insecure")
    assert error.message == "The receiver (mailto://) can't be reached, three times."


def test_a_mail_server_that_hangs_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        error = refusal(f"mailto://a:b@127.0.0.1:{port}?{MAIL}&mode=insecure&cto=0.2")
    assert error.message == "The receiver (mailto://) did not answer in time, three times."


TALKATIVE = """
import logging, sys
logging.basicConfig(level=1, stream=sys.stdout)
for name in ("urllib3.connectionpool", "apprise.plugins", "requests"):
    logging.getLogger(name).setLevel(1)
from retrain_trainer.tasks import notify
from retrain_trainer.tasks.entry import main
notify.run.__defaults__ = (notify.Patience(pauses=(0, 0), one_try=20),)
logging.getLogger("retrain").debug("debug is on")
sys.exit(main(["notify"]))
"""


def talkative(url: str, message: Path) -> tuple[int, str]:
    """Exit code and all that a process prints and leaves that logs whatever can be logged."""
    environ = os.environ | {
        "PYTHONPATH": f"{ROOT}/operator:{ROOT}/trainer_image",
        NOTIFY_URL: url,
        "RETRAIN_TASK": encode_task(TASK),
        "RETRAIN_TERMINATION_LOG": str(message),
        "RETRAIN_SECOND_TRY": "1",
        "LOG_LEVEL": "debug",
    }
    done = subprocess.run([sys.executable, "-c", TALKATIVE], env=environ, capture_output=True, text=True, check=False)
    assert "debug is on" in done.stdout
    return done.returncode, done.stdout + done.stderr + message.read_text()


@pytest.mark.parametrize(("code", "ends"), [(200, 0), (500, 70), (307, 64)])
def test_the_url_is_nowhere_in_logs_result_or_message_at_the_level_debug(code: int, ends: int, tmp_path: Path) -> None:
    user, password, token, extra = SECRETS
    with Webhook(code, location="http://127.0.0.1:1/" if code == 307 else "") as webhook:
        url = f"json://{user}:{password}@{webhook.place}/{token}?-key={extra}"
        ended, shown = talkative(url, tmp_path / "message")
        port = webhook.place.split(":")[1]
    assert token in webhook.requests[0][0] and ended == ends
    assert not [secret for secret in (*SECRETS, port) if secret in shown], shown
    result = decode_message((tmp_path / "message").read_text())
    if code == 200:
        assert result == NotifyResult(key=TASK.key, scheme="json")
    else:
        assert isinstance(result, TaskFailure) and result.reason == "ReceiverFailed"


@pytest.mark.parametrize(
    "url",
    [
        "mailto://{0}:{1}@127.0.0.1:1?to=ops@example.com&from=retrain@example.com&mode=insecure",
        "slack://{2}/{1}",
        "{0}:{1}",
        "json://{0}:{1}@127.0.0.1:1/{2}?method={3}",
    ],
)
def test_a_url_that_leads_nowhere_is_not_printed_either(url: str, tmp_path: Path) -> None:
    ended, shown = talkative(url.format(*SECRETS), tmp_path / "message")
    assert ended in (64, 70) and not [secret for secret in SECRETS if secret in shown], shown
