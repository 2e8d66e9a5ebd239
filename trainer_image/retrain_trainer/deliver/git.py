"""Runs the git program against one repository over HTTP(S), without anyone's configuration, hooks or prompts.

This is where the token is kept safe. It is in the environment of git's own processes and nowhere else: not in an argument,
the repository's URL, a file or a message. git asks for it through a credential helper that answers only for the
repository's own scheme, host and port, so a redirect to another host gets nothing.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_trainer.store.authority import GIT_AUTHORITY, authority
from retrain_trainer.store.patience import Temporary

from .git_errors import Remote, error_from

TOKEN, USERNAME = "RETRAIN_GIT_TOKEN", "RETRAIN_GIT_USERNAME"
TIMEOUT_SECONDS = 300
"""Longest time for one command; a server that sends nothing for a minute ends it earlier."""

_ANY_USERNAME = "x-access-token"
"""GitHub apps require this very name; with a personal token any name will do, on GitHub, GitLab and Gitea alike."""
_MOST_OUTPUT = 1 << 16
_INHERITED = (
    "PATH",
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${USERNAME}" "${TOKEN}"; return 0; }}; f'
"""`printf` is a shell builtin, so the token never becomes an argument of a process."""


@dataclass(frozen=True)
class Completed:
    """A command's exit code, standard output and standard error."""

    code: int
    out: str
    errors: str


@dataclass(frozen=True)
class Git:
    """Runs commands in a bare repository in `folder` whose origin is `remote.url`."""

    folder: Path
    remote: Remote
    environ: Mapping[str, str] = field(repr=False)

    def run(self, *arguments: str, text: str = "") -> str:
        """The output of a command that needs no server, with `text` as its input. Raises SoftwareError("GitFailed")."""
        try:
            completed = self.execute(*arguments, text=text)
            if completed.code:
                raise self.error(completed)
        except Temporary as problem:
            raise SoftwareError(reasons.GIT_FAILED, f"git {arguments[0]} failed on this machine: {problem}.") from None
        return completed.out

    def execute(self, *arguments: str, text: str = "") -> Completed:
        """Run a command to its end. Raises Temporary when it had to be stopped, and ConfigurationError("NoGit")."""
        # Files and not pipes: a child of git that outlives it would keep a pipe open, and we would wait for it.
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            stdin.write(text.encode())
            stdin.seek(0)
            code = self._code(["git", *arguments], stdin, out, errors)
            return Completed(code, _text(out), _text(errors))

    def error(self, completed: Completed) -> Exception:
        """The error to raise for a command that failed: Temporary, or an error of `git_errors`."""
        return error_from(completed.code, completed.errors, self.remote)

    def _code(self, command: list[str], stdin: IO[bytes], out: IO[bytes], errors: IO[bytes]) -> int:
        environ = dict(self.environ)
        try:
            return subprocess.run(
                command, cwd=self.folder, env=environ, stdin=stdin, stdout=out, stderr=errors, timeout=TIMEOUT_SECONDS
            ).returncode
        except subprocess.TimeoutExpired:
            raise Temporary("no answer in time") from None
        except OSError as error:
            raise ConfigurationError(
                reasons.NO_GIT,
                f"report.git needs the program git, which can't be started here ({error.strerror}); install it and make "
                "sure that it is on the PATH.",
            ) from None


def open_git(url: str, environ: Mapping[str, str], folder: Path) -> Git:
    """Set up a repository in the empty `folder` with `url` as its origin. Raises ConfigurationError "NoGit" and
    "BadCertificateAuthority".
    """
    git = Git(folder, Remote(url, bool(environ.get(TOKEN))), _environ(url, environ, folder))
    git.run("init", "--quiet", "--bare", "--template=", ".")
    git.run("remote", "add", "origin", url)
    return git


def _environ(url: str, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The whole environment of git's processes."""
    settings = _settings(url, with_token=bool(environ.get(TOKEN)))
    trusted = authority(environ, GIT_AUTHORITY, "GIT_SSL_CAINFO")
    numbered = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings)}
    numbered |= {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings)}
    identity = {f"GIT_{who}_NAME": "retrain-operator" for who in ("AUTHOR", "COMMITTER")}
    identity |= {f"GIT_{who}_EMAIL": "noreply@retrain.crpbot.dev" for who in ("AUTHOR", "COMMITTER")}
    return {
        **{name: environ[name] for name in _INHERITED if name in environ},
        **({"GIT_SSL_CAINFO": trusted} if trusted else {}),
        "HOME": str(folder),
        "LC_ALL": "C",  # its messages are parsed
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
        TOKEN: environ.get(TOKEN, "").strip(),
        USERNAME: environ.get(USERNAME, "").strip() or _ANY_USERNAME,
        **numbered,
        **identity,
    }


def _settings(url: str, with_token: bool) -> tuple[tuple[str, str], ...]:
    place = urlsplit(url)
    helper = ((f"credential.{place.scheme}://{place.netloc}.helper", _HELPER),) if with_token else ()
    return (
        *helper,
        ("core.hooksPath", "/dev/null"),
        ("gc.auto", "0"),
        ("protocol.allow", "never"),
        ("protocol.http.allow", "always"),
        ("protocol.https.allow", "always"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", "60"),
    )


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_OUTPUT).decode(errors="replace").strip()
