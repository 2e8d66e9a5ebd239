"""Would the report get into its repository? Asked of the code that pushes it."""

from __future__ import annotations

from collections.abc import Mapping

from retrain_api.spec import Git

from .doctor_access import PATIENCE_SECONDS
from .doctor_finding import Finding


def probe_git(git: Git, environ: Mapping[str, str]) -> Finding:
    """That the token lets us read and push, and whether the branch is there. Pushes nothing; raises what a push raises."""
    from retrain_trainer.git_report import Branch, probe
    from retrain_trainer.store import Patience

    there = probe(Branch(git.url, git.branch, git.path), environ, Patience(PATIENCE_SECONDS))
    token = "the token in RETRAIN_GIT_TOKEN" if environ.get("RETRAIN_GIT_TOKEN") else "no token"
    cluster = f"Secret {git.secret_name}" if git.secret_name else "no Secret (report.git.secretName is not set)"
    branch = "is there" if there else "will be made by the first report"
    said = (
        f"{git.url} would take a push with {token} here, and on a cluster from {cluster}; branch {git.branch} {branch}"
    )
    open_to_all = (
        ("over http:// the token can be read on the way; use https://",) if git.url.startswith("http:") else ()
    )
    return Finding("report.git", True, said, open_to_all)
