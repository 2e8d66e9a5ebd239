"""The git program, alone with one repository over HTTP(S): nobody's configuration, no hook, no question.

The token is in the environment of git's own processes and nowhere else: not in an argument, in the repository's URL,
in a file, or in a sentence. git asks for it through a credential helper that answers for the repository's own scheme,
host and port only, so that a redirect to another host gets nothing.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from retrain_api.errors import ConfigurationError, SoftwareError

from .git_errors import Asked, explained
from .store import Temporary

TOKEN, USERNAME = "RETRAIN_GIT_TOKEN", "RETRAIN_GIT_USERNAME"
MOST_SECONDS = 300
"""Longest time for one command; a server that is silent for a minute ends it earlier."""

_ANY_USERNAME = "x-access-token"
"""GitHub's apps ask for this very name; for a personal token any name does, there and at GitLab and Gitea."""
_MOST_WORDS = 1 << 16
_PASSED_ON = (
    "PATH",
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${USERNAME}" "${TOKEN}"; return 0; }}; f'
"""`printf` is the shell's own, so the token is no process's argument."""


@dataclass(frozen=True)
class Ended:
    """A command's exit code, what it printed, and its words on standard error."""

    code: int
    out: str
    words: str


@dataclass(frozen=True)
class Git:
    """Commands in an empty bare repository of its own in `folder`, whose origin is the one at `asked.url`."""

    folder: Path
    asked: Asked
    environ: Mapping[str, str] = field(repr=False)

    def run(self, *arguments: str, given: str = "") -> str:
        """What a command that needs no server prints. Raises SoftwareError("GitFailed")."""
        try:
            ended = self.end_of(*arguments, given=given)
            if ended.code:
                raise self.error(ended)
        except Temporary as problem:
            raise SoftwareError("GitFailed", f"git {arguments[0]} failed on this machine: {problem}.") from None
        return ended.out

    def end_of(self, *arguments: str, given: str = "") -> Ended:
        """How a command ended. Raises Temporary when it had to be stopped, ConfigurationError("NoGit")."""
        # Files, not pipes: a child of git that lives on would hold a pipe open, and us.
        with tempfile.TemporaryFile() as into, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as words:
            into.write(given.encode())
            into.seek(0)
            code = self._code(["git", *arguments], into, out, words)
            return Ended(code, _text(out), _text(words))

    def error(self, ended: Ended) -> Exception:
        """What to raise for a command that failed: Temporary, or an error of `git_errors`."""
        return explained(ended.code, ended.words, self.asked, self.environ[TOKEN])

    def _code(self, command: list[str], into: IO[bytes], out: IO[bytes], words: IO[bytes]) -> int:
        environ = dict(self.environ)
        try:
            return subprocess.run(
                command, cwd=self.folder, env=environ, stdin=into, stdout=out, stderr=words, timeout=MOST_SECONDS
            ).returncode
        except subprocess.TimeoutExpired:
            raise Temporary("no answer in time") from None
        except OSError as error:
            raise ConfigurationError(
                "NoGit",
                f"report.git needs the program git, which does not start here ({error.strerror}); install it and see "
                "that it is on the PATH.",
            ) from None


def open_git(url: str, environ: Mapping[str, str], folder: Path) -> Git:
    """A repository in the empty `folder` that fetches no more than it must. Raises ConfigurationError("NoGit")."""
    git = Git(folder, Asked(url, bool(environ.get(TOKEN))), _environ(url, environ, folder))
    git.run("init", "--quiet", "--bare", "--template=", ".")
    git.run("remote", "add", "origin", url)
    return git


def _environ(url: str, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """All that git's processes see."""
    settings = _settings(url, with_token=bool(environ.get(TOKEN)))
    numbered = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings)}
    numbered |= {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings)}
    identity = {f"GIT_{who}_NAME": "retrain-operator" for who in ("AUTHOR", "COMMITTER")}
    identity |= {f"GIT_{who}_EMAIL": "noreply@retrain.crpbot.dev" for who in ("AUTHOR", "COMMITTER")}
    return {
        **{name: environ[name] for name in _PASSED_ON if name in environ},
        "HOME": str(folder),
        "LC_ALL": "C",  # its words are read
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
    return file.read(_MOST_WORDS).decode(errors="replace").strip()
