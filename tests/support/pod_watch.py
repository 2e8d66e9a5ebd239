"""A list of all pods that keeps itself fresh, through restarts of the API server."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from support.control_plane import ApiRefusal, ControlPlane

Pod = Mapping[str, Any]


class PodWatch:
    """Lists and watches in a thread of its own."""

    def __init__(self, plane: ControlPlane, user: str = "kubelet") -> None:
        self._plane, self._user = plane, user
        self._pods: dict[str, Pod] = {}
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._link: http.client.HTTPSConnection | None = None
        self._thread = threading.Thread(target=self._follow, name="pod-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        link = self._link
        if link is not None and link.sock is not None:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def snapshot(self) -> list[Pod]:
        """The pods as last seen, oldest first."""
        with self._lock:
            pods = list(self._pods.values())
        return sorted(pods, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def see(self, pod: Pod) -> None:
        """Take the pod to be so until the watch tells more."""
        with self._lock:
            if pod["metadata"]["uid"] in self._pods:
                self._pods[pod["metadata"]["uid"]] = pod

    def _follow(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, ApiRefusal, http.client.HTTPException, ValueError, AttributeError):
                self._watch(self._list())
            time.sleep(0.05)

    def _list(self) -> str:
        listed = self._plane.request("GET", "/api/v1/pods", user=self._user)
        with self._lock:
            self._pods = {pod["metadata"]["uid"]: pod for pod in listed["items"]}
        return str(listed["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> None:
        plane = self._plane
        link = http.client.HTTPSConnection("127.0.0.1", plane.port, timeout=600, context=plane.trust)
        self._link = link
        try:
            path = f"/api/v1/pods?watch=1&resourceVersion={version}"
            link.request("GET", path, headers={"Authorization": f"Bearer {plane.tokens[self._user]}"})
            answer = link.getresponse()
            while not self._stopping.is_set() and (line := answer.readline()):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self._apply(event["type"], event["object"])
        finally:
            self._link = None
            link.close()

    def _apply(self, kind: str, pod: Pod) -> None:
        uid = pod["metadata"]["uid"]
        with self._lock:
            if kind == "DELETED":
                self._pods.pop(uid, None)
            else:
                self._pods[uid] = pod
