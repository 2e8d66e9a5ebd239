"""A report as a commit on a branch: added to what is there, never in its place.

Only the trees of the branch's last commit are fetched, and nothing is checked out. The push is never forced: when
somebody else pushed first, the commit is made anew on top of theirs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from retrain_api.errors import ConfigurationError, SoftwareError

from .git import TOKEN, Git, open_git
from .git_errors import push_refused
from .store import Patience, pause_seconds

MOST_TRIES = 10
"""Pushes before we give way to others; with the pauses in between, about a minute and a half."""

_OTHERS_FIRST = re.compile(
    r"fetch first|non-fast-forward|stale info|cannot lock ref|failed to (update|lock) ref|reference already exists"
    r"|incorrect old value|but expected"
)

T = TypeVar("T")


@dataclass(frozen=True)
class Branch:
    """Where reports go: the branch of a repository, and a folder in it ("" is its root)."""

    url: str
    branch: str
    path: str

    @property
    def ref(self) -> str:
        """Its full name."""
        return f"refs/heads/{self.branch}"

    def file(self, *parts: str) -> str:
        """Path of a file below the folder. Raises ConfigurationError("BadPath") for one outside the repository."""
        steps = [step for step in "/".join((self.path, *parts)).split("/") if step]
        if any(step.lower() in (".", "..", ".git") for step in steps):
            raise ConfigurationError("BadPath", f"report.git.path is {self.path}, which is no folder of a repository.")
        return "/".join(steps)


def push_files(
    branch: Branch,
    files: Mapping[str, Path],
    subject: str,
    environ: Mapping[str, str],
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """The commit that puts local `files` at their paths in the repository; None when they are all there already.

    Raises CredentialsError, NotFoundError, ConfigurationError (branch, path, a push that is turned away),
    StoreUnreachable, and SoftwareError("OthersPushed") when others were first each time.
    """
    with _opened(branch, environ, patience) as (git, insist):
        blobs = {
            name: git.run("hash-object", "-w", "--no-filters", str(file.absolute())) for name, file in files.items()
        }
        for tries in range(MOST_TRIES):
            tip = insist(lambda: _fetched(git, branch))
            commit = _committed(git, branch, tip, blobs, subject)
            if commit is None or insist(lambda commit=commit: _pushed(git, branch, commit)):  # type: ignore[misc]
                return commit
            sleep(pause_seconds(tries))
    raise SoftwareError(
        "OthersPushed", f"Others pushed to branch {branch.branch} of {branch.url} first, {MOST_TRIES} times in a row."
    )


def probe(branch: Branch, environ: Mapping[str, str], patience: Patience) -> bool:
    """Whether the branch is there, once the repository has let us read and would let us push. Changes nothing."""
    with _opened(branch, environ, patience) as (git, insist):
        tip = insist(lambda: _fetched(git, branch))
        tree = git.run("hash-object", "-w", "-t", "tree", "--stdin")
        commit = git.run("commit-tree", tree, *(("-p", tip) if tip else ()), "-m", "probe")
        insist(lambda: _pushed(git, branch, commit, "--dry-run"))
        return tip is not None


@contextmanager
def _opened(
    branch: Branch, environ: Mapping[str, str], patience: Patience
) -> Iterator[tuple[Git, Callable[[Callable[[], T]], T]]]:
    """A local repository for the branch, and a way to insist on what needs the server."""
    with TemporaryDirectory(prefix="git-") as folder:
        git = open_git(branch.url, environ, Path(folder))
        if git.end_of("check-ref-format", branch.ref).code:
            raise ConfigurationError("BadBranch", f"report.git.branch is {branch.branch!r}, which can't name a branch.")
        yield git, lambda attempt: patience.insist(attempt, branch.url)


def _fetched(git: Git, branch: Branch) -> str | None:
    """The branch's last commit, its trees with it; None where there is no such branch."""
    few = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
    ended = git.end_of("fetch", *few, "origin", branch.ref)
    if "couldn't find remote ref" in ended.words:
        return None
    if ended.code:
        raise git.error(ended)
    return git.run("rev-parse", "FETCH_HEAD")


def _committed(git: Git, branch: Branch, tip: str | None, blobs: Mapping[str, str], subject: str) -> str | None:
    """A commit on top of `tip` that has the blobs too; None when nothing would be new."""
    git.run("read-tree", tip or "--empty")
    entries = [part for name, blob in blobs.items() for part in ("--cacheinfo", f"100644,{blob},{name}")]
    added = git.end_of("update-index", "--add", *entries)
    if "cannot add" in added.words:
        raise ConfigurationError(
            "PathTaken",
            f"The report can't be put into {branch.path or 'the root'} of branch {branch.branch} of {branch.url}: "
            "something else has a name on that path; choose another report.git.path.",
        )
    if added.code:
        raise git.error(added)
    tree = git.run("write-tree", "--missing-ok")
    if tip is not None and tree == git.run("rev-parse", f"{tip}^{{tree}}"):
        return None
    return git.run("commit-tree", tree, *(("-p", tip) if tip else ()), given=subject + "\n")


def _pushed(git: Git, branch: Branch, commit: str, *flags: str) -> bool:
    """Whether the branch is at the commit now; False when somebody else was first."""
    ended = git.end_of("push", "--porcelain", *flags, "origin", f"{commit}:{branch.ref}")
    if ended.code == 0:
        return True
    turned_away = next((line for line in ended.out.splitlines() if line.startswith("!")), None)
    if turned_away is None:
        raise git.error(ended)
    reason = turned_away.rpartition("(")[2].rstrip(")")
    if _OTHERS_FIRST.search(reason):
        return False
    raise push_refused(reason, branch.branch, git.asked, git.environ[TOKEN])
