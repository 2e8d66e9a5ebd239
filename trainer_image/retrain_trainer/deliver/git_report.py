"""Adds a report to a branch as a commit, without ever replacing what is there.

The repository belongs to somebody else, and people push to it at the same time. So a push is never forced: when somebody
else pushed first, the commit is made again on top of theirs. Only the trees of the branch's last commit are fetched and
nothing is checked out, so a large repository costs little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_trainer.store.patience import Patience, pause_seconds

from .git import TOKEN, Git, open_git
from .git_errors import push_rejected

MOST_TRIES = 10
"""Attempts to push while others keep pushing first; with the pauses in between, about a minute and a half."""

T = TypeVar("T")


@dataclass(frozen=True)
class Branch:
    """Where reports go: a branch of a repository and a folder in it ("" is the root)."""

    url: str
    branch: str
    path: str

    @property
    def ref(self) -> str:
        """The full name of the branch."""
        return f"refs/heads/{self.branch}"

    def file(self, *parts: str) -> str:
        """Path of a file below the folder. Raises ConfigurationError("BadPath") for one outside the repository."""
        steps = [step for step in "/".join((self.path, *parts)).split("/") if step]
        if any(step.lower() in (".", "..", ".git") for step in steps):
            raise ConfigurationError(
                reasons.BAD_PATH, f"report.git.path is {self.path}, which can't be a folder of a repository."
            )
        return "/".join(steps)


def push_files(
    branch: Branch,
    files: Mapping[str, Path],
    subject: str,
    environ: Mapping[str, str],
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Commit local `files` at their paths in the repository; the commit, or None when all of them are there already.

    Raises CredentialsError, NotFoundError, ConfigurationError (branch, path, a push that is rejected),
    StoreUnreachable, and SoftwareError("OthersPushed") when others pushed first every time.
    """
    with _local_repository(branch, environ, patience) as (git, insist):
        blobs = {
            name: git.run("hash-object", "-w", "--no-filters", str(file.absolute())) for name, file in files.items()
        }
        for tries in range(MOST_TRIES):
            tip = insist(lambda: _fetch_tip(git, branch))
            commit = _commit(git, branch, tip, blobs, subject)
            if commit is None or insist(lambda commit=commit: _push(git, branch, commit)):  # type: ignore[misc]
                return commit
            sleep(pause_seconds(tries))
    raise SoftwareError(
        reasons.OTHERS_PUSHED,
        f"Others pushed to branch {branch.branch} of {branch.url} first, {MOST_TRIES} times in a row.",
    )


def probe(branch: Branch, environ: Mapping[str, str], patience: Patience) -> bool:
    """Check that the repository can be read and pushed to, and return whether the branch exists. Changes nothing."""
    with _local_repository(branch, environ, patience) as (git, insist):
        tip = insist(lambda: _fetch_tip(git, branch))
        tree = git.run("hash-object", "-w", "-t", "tree", "--stdin")
        commit = git.run("commit-tree", tree, *(("-p", tip) if tip else ()), "-m", "probe")
        insist(lambda: _push(git, branch, commit, "--dry-run"))
        return tip is not None


@contextmanager
def _local_repository(
    branch: Branch, environ: Mapping[str, str], patience: Patience
) -> Iterator[tuple[Git, Callable[[Callable[[], T]], T]]]:
    """A local repository for the branch, and a function that retries what needs the server."""
    with TemporaryDirectory(prefix="git-") as folder:
        git = open_git(branch.url, environ, Path(folder))
        if git.execute("check-ref-format", branch.ref).code:
            raise ConfigurationError(
                reasons.BAD_BRANCH, f"report.git.branch is {branch.branch!r}, which can't name a branch."
            )
        yield git, lambda attempt: patience.retry(attempt, branch.url)


def _fetch_tip(git: Git, branch: Branch) -> str | None:
    """Fetch the branch's last commit with its trees; None where the branch does not exist."""
    few = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
    completed = git.execute("fetch", *few, "origin", branch.ref)
    if "couldn't find remote ref" in completed.errors:
        return None
    if completed.code:
        raise git.error(completed)
    return git.run("rev-parse", "FETCH_HEAD")


def _commit(git: Git, branch: Branch, tip: str | None, blobs: Mapping[str, str], subject: str) -> str | None:
    """Make a commit on top of `tip` that adds the blobs; None when it would change nothing."""
    git.run("read-tree", tip or "--empty")
    entries = [part for name, blob in blobs.items() for part in ("--cacheinfo", f"100644,{blob},{name}")]
    added = git.execute("update-index", "--add", *entries)
    if "cannot add" in added.errors:
        raise ConfigurationError(
            reasons.PATH_TAKEN,
            f"The report can't be put into {branch.path or 'the root'} of branch {branch.branch} of {branch.url}: "
            "a file is in the way on that path; choose another report.git.path.",
        )
    if added.code:
        raise git.error(added)
    tree = git.run("write-tree", "--missing-ok")
    if tip is not None and tree == git.run("rev-parse", f"{tip}^{{tree}}"):
        return None
    return git.run("commit-tree", tree, *(("-p", tip) if tip else ()), text=subject + "\n")


def _push(git: Git, branch: Branch, commit: str, *flags: str) -> bool:
    """Push the commit; False when somebody else pushed first."""
    completed = git.execute("push", "--porcelain", *flags, "origin", f"{commit}:{branch.ref}")
    if completed.code == 0:
        return True
    rejected = next((line for line in completed.out.splitlines() if line.startswith("!")), None)
    if rejected is None:
        raise git.error(completed)
    reason = rejected.rpartition("(")[2].rstrip(")")
    if error := push_rejected(reason, branch.branch, git.remote, git.environ[TOKEN]):
        raise error
    return False
