"""A report as a commit on a branch of a real Git server over HTTP: added, never forced, and without the token anywhere."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.git_server import GitServer, git

from retrain_api.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    RetrainError,
    SoftwareError,
    StoreUnreachable,
)
from retrain_trainer.deliver.git_report import MOST_TRIES, Branch, probe, push_files
from retrain_trainer.store.patience import Patience

NO_PATIENCE = Patience(0)


@pytest.fixture
def server(git_server: GitServer) -> GitServer:
    return git_server


@pytest.fixture
def environ(server: GitServer) -> dict[str, str]:
    return {**os.environ, "RETRAIN_GIT_TOKEN": server.token}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Local files by their names in the repository."""
    found = {}
    for name in ("report.md", "results.json"):
        (tmp_path / name).write_text(f"{name}\r\nof run 3\n")
        found[f"reports/default/nightly/3/{name}"] = tmp_path / name
    return found


def push(server: GitServer, files: dict[str, Path], environ: dict[str, str], branch: str = "main") -> str | None:
    place = Branch(server.url(), branch, "reports")
    return push_files(place, files, "nightly report 3: Fail", environ, NO_PATIENCE, lambda seconds: None)


def somebody_pushes(repository: Path, name: str = "theirs", branch: str = "main") -> str:
    """A commit of somebody else on the branch, straight into the repository."""
    ref = f"refs/heads/{branch}"
    tip = git("-C", repository, "for-each-ref", "--format=%(objectname)", ref)
    blob = git("-C", repository, "hash-object", "-w", "--stdin", given=name.encode())
    entries = git("-C", repository, "ls-tree", "-r", tip) + "\n" if tip else ""
    index = {"GIT_INDEX_FILE": str(repository / "index-of-somebody")}
    entries += f"100644 blob {blob}\t{name}\n"
    git("-C", repository, "read-tree", "--empty", **index)
    git("-C", repository, "update-index", "--index-info", given=entries.encode(), **index)
    tree = git("-C", repository, "write-tree", **index)
    commit = git("-C", repository, "commit-tree", tree, *(("-p", tip) if tip else ()), "-m", name)
    git("-C", repository, "update-ref", ref, commit)
    return commit


def names(repository: Path, branch: str = "main") -> list[str]:
    return git("-C", repository, "ls-tree", "-r", "--name-only", branch).splitlines()


def commits(repository: Path, branch: str = "main") -> list[str]:
    return git("-C", repository, "log", "--format=%an: %s", branch).splitlines()


REPORT = ["reports/default/nightly/3/report.md", "reports/default/nightly/3/results.json"]
OURS = "retrain-operator: nightly report 3: Fail"


def test_the_first_push_into_an_empty_repository_makes_the_branch(
    server: GitServer, files: dict[str, Path], environ: dict[str, str]
) -> None:
    repository = server.repository()
    commit = push(server, files, environ)
    assert commit == git("-C", repository, "rev-parse", "main")
    assert names(repository) == REPORT
    assert commits(repository) == [OURS]
    assert git("-C", repository, "show", f"main:{REPORT[0]}") == "report.md\r\nof run 3", "the very bytes"


def test_what_is_on_the_branch_stays(server: GitServer, files: dict[str, Path], environ: dict[str, str]) -> None:
    repository = server.repository()
    for name in ("README.md", "reports/default/nightly/2/report.md"):
        somebody_pushes(repository, name)
    before = names(repository)
    push(server, files, environ)
    assert names(repository) == sorted([*before, *REPORT])
    assert commits(repository)[0] == OURS and len(commits(repository)) == 3
    git("-C", repository, "fsck", "--strict")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def test_no_file_of_others_is_fetched(
    server: GitServer, files: dict[str, Path], environ: dict[str, str], scratch: Path
) -> None:
    repository = server.repository()
    for name in ("reports/default/nightly/2/report.md", "README.md"):
        somebody_pushes(repository, name)
    fetched: list[list[str]] = []

    def look(path: str) -> None:
        [ours] = scratch.glob("git-*")
        found = git("-C", ours, "cat-file", "--batch-check", "--batch-all-objects")
        fetched.append([line for line in found.splitlines() if " blob " in line])

    server.before = look
    push(server, files, environ)
    assert len(fetched[-1]) == len(files), "only the blobs that are pushed"
    asked = [path for path in server.seen if path.endswith("/git-upload-pack")]
    assert len(asked) == 2, "what refs there are, and one pack"


def test_another_branch_is_made_without_the_history_of_the_first(
    server: GitServer, files: dict[str, Path], environ: dict[str, str]
) -> None:
    repository = server.repository()
    somebody_pushes(repository)
    push(server, files, environ, "reports/nightly")
    assert commits(repository, "reports/nightly") == [OURS]
    assert commits(repository) == ["someone: theirs"]


def test_the_same_report_again_is_no_second_commit(
    server: GitServer, files: dict[str, Path], environ: dict[str, str]
) -> None:
    repository = server.repository()
    push(server, files, environ)
    somebody_pushes(repository)
    assert push(server, files, environ) is None
    assert commits(repository) == ["someone: theirs", OURS]


@pytest.mark.parametrize("moment", ["/info/refs?service=git-receive-pack", "/git-receive-pack"])
def test_a_commit_goes_on_top_of_what_others_pushed_first(
    server: GitServer, files: dict[str, Path], environ: dict[str, str], moment: str
) -> None:
    """Before the server tells where the branch is, and after, when the push itself must find out."""
    repository, times = server.repository(), iter(("first", "second"))

    def interfere(path: str) -> None:
        if path.endswith(moment) and (name := next(times, None)):
            somebody_pushes(repository, name)

    server.before = interfere
    push(server, files, environ)
    assert commits(repository) == [OURS, "someone: second", "someone: first"]
    assert names(repository) == sorted([*REPORT, "first", "second"])


def test_when_others_always_push_first_it_gives_up(
    server: GitServer, files: dict[str, Path], environ: dict[str, str]
) -> None:
    repository, count = server.repository(), iter(range(1000))
    server.before = lambda path: "git-receive-pack" in path and somebody_pushes(repository, str(next(count))) and None
    with pytest.raises(SoftwareError, match=f"first, {MOST_TRIES} times in a row"):
        push(server, files, environ)
    assert OURS not in commits(repository)


def refused(act: Callable[[], object], kind: type[RetrainError]) -> RetrainError:
    with pytest.raises(kind) as raised:
        act()
    assert type(raised.value) is kind and "\n" not in raised.value.message and raised.value.message.endswith(".")
    return raised.value


@pytest.mark.parametrize(
    "act", [push, lambda server, files, environ: probe(Branch(server.url(), "main", ""), environ, NO_PATIENCE)]
)
@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"RETRAIN_GIT_TOKEN": "wrong-token"}, CredentialsError, "does not accept the token"),
        ({"RETRAIN_GIT_USERNAME": "somebody"}, CredentialsError, "does not accept the token"),
        ({"RETRAIN_GIT_TOKEN": ""}, CredentialsError, "asks for a token and there is none"),
        ({"PATH": "/nowhere"}, ConfigurationError, "needs the program git"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence(
    server: GitServer,
    files: dict[str, Path],
    environ: dict[str, str],
    act: Callable[..., object],
    change: dict[str, str],
    kind: type[RetrainError],
    words: str,
) -> None:
    repository = server.repository()
    error = refused(lambda: act(server, files, environ | change), kind)
    assert words in error.message and "wrong-token" not in error.message
    assert not git("-C", repository, "for-each-ref")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, CredentialsError, "needs the right to push"),
        (404, NotFoundError, "There is no repository at"),
        (503, StoreUnreachable, "gave no usable answer for 0 s: the server is overloaded or failing"),
    ],
)
@pytest.mark.parametrize("moment", ["git-upload-pack", "git-receive-pack"])
def test_the_answer_of_the_server_decides_the_error(
    server: GitServer,
    files: dict[str, Path],
    environ: dict[str, str],
    status: int,
    kind: type[RetrainError],
    words: str,
    moment: str,
) -> None:
    server.repository()
    server.before = lambda path: status if moment in path else None
    assert words in refused(lambda: push(server, files, environ), kind).message


def test_a_server_that_does_not_answer(server: GitServer, files: dict[str, Path], environ: dict[str, str]) -> None:
    place = Branch("http://127.0.0.1:1/x.git", "main", "reports")
    error = refused(lambda: push_files(place, files, "x", environ, NO_PATIENCE), StoreUnreachable)
    assert "http://127.0.0.1:1/x.git gave no usable answer for 0 s: connection refused" in error.message


def test_a_repository_that_does_not_exist(server: GitServer, files: dict[str, Path], environ: dict[str, str]) -> None:
    assert refused(lambda: push(server, files, environ), NotFoundError).reason == "RepositoryNotFound"


def test_a_push_that_a_hook_rejects(server: GitServer, files: dict[str, Path], environ: dict[str, str]) -> None:
    hook = server.repository() / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho no reports on Fridays >&2\nexit 1\n")
    hook.chmod(0o755)
    error = refused(lambda: push(server, files, environ), ConfigurationError)
    assert "rejected the push to branch main (pre-receive hook declined)" in error.message


def test_a_file_where_the_folder_should_be(server: GitServer, files: dict[str, Path], environ: dict[str, str]) -> None:
    repository = server.repository()
    somebody_pushes(repository, "reports")
    assert refused(lambda: push(server, files, environ), ConfigurationError).reason == "PathTaken"
    assert names(repository) == ["reports"]


@pytest.mark.parametrize("branch", ["a..b", "-x y", "a.lock", "@{-1}", "x/"])
def test_an_invalid_branch_name(
    server: GitServer, files: dict[str, Path], environ: dict[str, str], branch: str
) -> None:
    server.repository()
    assert refused(lambda: push(server, files, environ, branch), ConfigurationError).reason == "BadBranch"


@pytest.mark.parametrize(
    ("path", "file"),
    [("reports", "reports/ns/x"), ("a/b/", "a/b/ns/x"), ("./", None), ("../x", None), ("a/../../x", None), ("a/.Git", None)],
)  # fmt: skip
def test_a_path_stays_in_the_repository(path: str, file: str | None) -> None:
    branch = Branch("https://git.example/r", "main", path)
    if file is None:
        assert refused(lambda: branch.file("ns", "x"), ConfigurationError).reason == "BadPath"
    else:
        assert branch.file("ns", "x") == file


@given(path=st.text(alphabet="./ agiGT\\t", max_size=20))
def test_no_path_leads_out_of_the_repository(path: str) -> None:
    try:
        file = Branch("https://git.example/r", "main", path).file("ns", "x")
    except ConfigurationError:
        return
    assert not file.startswith("/") and not {"", ".", "..", ".git"} & {part.lower() for part in file.split("/")}


def test_a_probe_changes_nothing_and_says_whether_the_branch_exists(server: GitServer, environ: dict[str, str]) -> None:
    repository = server.repository()
    branch = Branch(server.url(), "main", "")
    assert not probe(branch, environ, NO_PATIENCE)
    tip = somebody_pushes(repository)
    assert probe(branch, environ, NO_PATIENCE)
    assert git("-C", repository, "for-each-ref", "--format=%(objectname) %(refname)") == f"{tip} refs/heads/main"


# Alone, and silent about the token


def test_no_configuration_and_no_hook_has_an_effect(
    server: GitServer, files: dict[str, Path], environ: dict[str, str], tmp_path: Path
) -> None:
    server.repository()
    mark, home = tmp_path / "somebody-else-ran", tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    for hook in ("pre-push", "reference-transaction", "post-index-change"):
        (home / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (home / "hooks" / hook).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {home}/hooks\n[credential]\n\thelper = !touch {mark}\n[init]\n\tdefaultBranch = odd\n"
        "[push]\n\tgpgSign = true\n[user]\n\tname = somebody\n[http]\n\tproxy = http://127.0.0.1:1\n"
    )
    own = {"HOME": str(home), "GIT_DIR": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}
    asked = {"GIT_ASKPASS": f"touch {mark}", "GIT_TRACE": f"{tmp_path}/trace", "GIT_AUTHOR_NAME": "somebody"}
    assert push(server, files, environ | own | asked)
    assert not mark.exists() and not (tmp_path / "trace").exists()
    assert commits(tmp_path / "served" / "reports.git") == [OURS]


def test_the_token_is_in_no_file_no_argument_and_no_message(
    server: GitServer,
    files: dict[str, Path],
    environ: dict[str, str],
    scratch: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.repository()
    looked: list[int] = []

    def look(path: str) -> int | None:
        """At all that others may see, while git is at work."""
        found = [each for each in scratch.rglob("*") if each.is_file()]
        assert not [each for each in found if server.token.encode() in each.read_bytes()]
        told = [_arguments(each) for each in Path("/proc").glob("[0-9]*")]
        assert not [each for each in told if server.token.encode() in each]
        looked.append(len(found))
        return 500 if "receive-pack" in path and "info" not in path else None

    server.before = look
    with pytest.raises(StoreUnreachable) as raised:
        push(server, files, environ)
    assert len(looked) >= 3 and all(looked), "while there was a repository to look into"
    captured = capfd.readouterr()
    assert server.token not in "".join(traceback.format_exception(raised.value)) + captured.out + captured.err
    assert not list(scratch.iterdir()), "nothing is left"


def _arguments(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_redirect_to_another_host_does_not_get_the_token(
    server: GitServer, files: dict[str, Path], environ: dict[str, str], tmp_path: Path
) -> None:
    """localhost and 127.0.0.1 are the same machine and not the same host."""
    server.repository()
    place = Branch(server.url().replace("127.0.0.1", "localhost"), "main", "reports")
    server.redirected = "localhost"
    refused(lambda: push_files(place, files, "x", environ, NO_PATIENCE), CredentialsError)
    assert server.seen == []
