"""Copies in other places, and the report in Git."""

from .reason import bad

COPY_DIFFERS = bad("CopyDiffers", "A copy differs from its original.", "Use another place for copies.")
NO_GIT = bad("NoGit", "The program git does not start here.", "Install it and check the PATH.")
GIT_REFUSED = bad(
    "GitRefused",
    "The Git server does not accept the token, or the token may not push.",
    "Check the Secret that `report.git.secretName` names, and the token's rights.",
)
REPOSITORY_NOT_FOUND = bad(
    "RepositoryNotFound", "There is no such repository, or the token may not see it.", "Correct `report.git.url`."
)
PUSH_REFUSED = bad(
    "PushRefused", "The server turned the push away.", "Check whether the branch is protected, or a hook refuses it."
)
OTHERS_PUSHED = bad(
    "OthersPushed", "Others pushed to the branch first, again and again.", "Give it a branch of its own."
)
REPORT_TOO_LARGE = bad("ReportTooLarge", "The Git server takes no push of this size.", "Raise its limit.")
_PLACE = ("The report can't have that branch or path.", "Choose another `report.git.branch` or `report.git.path`.")
BAD_BRANCH = bad("BadBranch", *_PLACE)
BAD_PATH = bad("BadPath", *_PLACE)
PATH_TAKEN = bad("PathTaken", *_PLACE)
GIT_FAILED = bad(
    "GitFailed", "git failed in a way that has no name yet.", "Run the command that the message names by hand."
)
