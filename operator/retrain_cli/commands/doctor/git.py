"""Would the report reach its repository? Checked by the code that pushes it."""

from __future__ import annotations

from collections.abc import Mapping

from retrain_api.spec.run import Git

from .access import PATIENCE_SECONDS, trusted_by
from .finding import Finding


def probe_git(git: Git, environ: Mapping[str, str]) -> Finding:
    """Whether the token allows reading and pushing, and whether the branch exists. Pushes nothing; raises what a push raises."""
    from retrain_trainer.deliver.git_report import Branch, probe
    from retrain_trainer.store.patience import Patience

    exists = probe(Branch(git.url, git.branch, git.path), environ, Patience(PATIENCE_SECONDS))
    token = "the token in RETRAIN_GIT_TOKEN" if environ.get("RETRAIN_GIT_TOKEN") else "no token"
    cluster = f"Secret {git.secret_name}" if git.secret_name else "no Secret (report.git.secretName is not set)"
    branch = "exists" if exists else "will be created by the first report"
    sentence = (
        f"{git.url} would take a push with {token} here, and on a cluster from {cluster}; branch {git.branch} {branch}"
        f"{trusted_by(('GIT_SSL_CAINFO',), git.secret_name, environ)}"
    )
    notes = ("over http:// anyone on the way can read the token; use https://",) if git.url.startswith("http:") else ()
    return Finding("report.git", True, sentence, notes)
