"""What is written: the smallest merge patch, and which refusals are for good."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_operator.kube.api import ApiError, resource_of
from retrain_operator.kube.patch import merge_patch
from retrain_operator.kube.refusals import lasting

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
VALUES = LEAVES.filter(lambda value: value is not None)
DOCUMENTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), VALUES | inner, max_size=3),
    max_leaves=8,
)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, as its text has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(DOCUMENTS, DOCUMENTS)
def test_the_patch_makes_the_one_of_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merged(before, merge_patch(before, after)) == after


@given(DOCUMENTS)
def test_nothing_is_written_where_nothing_differs(document: dict[str, Any]) -> None:
    assert merge_patch(document, document) == {}


QUOTA = 'jobs.batch "x" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: 3, limited: 3'
RIGHT = 'jobs.batch is forbidden: User "operator" cannot create resource "jobs" in API group "batch"'
REFUSALS = [
    (422, "Invalid", "spec.template: Invalid value", True),
    (400, "BadRequest", "unknown field", True),
    (403, "Forbidden", "admission webhook denied the request: no root", True),
    (403, "Forbidden", QUOTA, False),
    (403, "Forbidden", RIGHT, False),
    (403, "Forbidden", "unable to create new content in namespace x because it is being terminated", False),
    (429, "TooManyRequests", "slow down", False),
    (500, "InternalError", "etcd", False),
    (409, "AlreadyExists", "there", False),
]


@pytest.mark.parametrize(("status", "reason", "message", "for_good"), REFUSALS)
def test_a_refusal_is_for_good_where_asking_again_changes_nothing(
    status: int, reason: str, message: str, for_good: bool
) -> None:
    assert lasting(ApiError(status, reason, message)) is for_good


PATHS = [
    ("/api/v1/namespaces/x/pods/y/log?tailLines=5", "pods/log"),
    ("/api/v1/pods?limit=500", "pods"),
    ("/apis/batch/v1/namespaces/x/jobs", "jobs"),
    ("/apis/batch/v1/namespaces/x/jobs/y", "jobs"),
    ("/apis/retrain.crpbot.dev/v1alpha1/namespaces/x/retrainruns/y/status", "retrainruns/status"),
    ("/apis/coordination.k8s.io/v1/namespaces/x/leases/status", "leases"),
    ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "selfsubjectaccessreviews"),
    ("/apis", "discovery"),
]


@pytest.mark.parametrize(("path", "resource"), PATHS)
def test_a_request_is_counted_under_the_name_that_rbac_knows(path: str, resource: str) -> None:
    assert resource_of(path) == resource
