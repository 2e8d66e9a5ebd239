"""A headless Chromium, spoken to in its DevTools protocol: how a page looks and what it does when it is opened.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 60.0
"""Seconds until a test gives up; nothing is concluded from how long something took."""

_FLAGS = (
    "--headless",
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


STICKS_OUT = """
[...document.querySelectorAll("body *")]
  .filter(e => (e.closest(".table") === null || e.matches(".table")) && !e.closest("svg"))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))
"""
"""Of a page: what is wider than the window, but for tables that scroll by themselves and what is in a plot."""
CUT = """
[...document.querySelectorAll("svg.plot")].flatMap(plot => {
  const frame = plot.getBoundingClientRect();
  return [...plot.querySelectorAll("text")].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
  }).map(text => text.textContent);
})
"""
"""Of a page: text of its plots that their frames cut."""

UNSEEN = """
[...document.querySelectorAll("details > :not(summary)")].filter(e => !e.checkVisibility()).length
"""
"""Of a page: parts that are folded away."""


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF of the browser has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def chromium() -> str | None:
    """The program, or None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Tab:
    """One page of the browser; `events` is all that it told of."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something; the result. Events that come meanwhile are kept."""
        self.calls += 1
        await self.socket.send_json({"id": self.calls, "method": method, "params": parameters})
        while True:
            message = json.loads((await self.socket.receive(timeout=PATIENCE)).data)
            if message.get("id") == self.calls:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    async def open(self, url: str, width: int, dark: bool = False) -> None:
        """Load a page in a window of `width` CSS pixels and wait until it is whole."""
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        await self.call("Page.navigate", url=url)
        while not self.told("Page.loadEventFired"):
            self.events.append(json.loads((await self.socket.receive(timeout=PATIENCE)).data))

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression on the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def screenshot(self) -> bytes:
        """The whole page as PNG."""
        taken = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    async def printed(self) -> bytes:
        """The page as it is printed, a PDF."""
        made = await self.call("Page.printToPDF", preferCSSPageSize=True)
        return base64.b64decode(made["data"])

    def told(self, method: str) -> list[dict[str, Any]]:
        """What the events of one kind say."""
        return [event["params"] for event in self.events if event.get("method") == method]

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for, the page's own first."""
        return [event["request"]["url"] for event in self.told("Network.requestWillBeSent")]

    @property
    def complaints(self) -> list[str]:
        """What the console says: errors, warnings and whatever a policy refused."""
        entries = [event["entry"]["text"] for event in self.told("Log.entryAdded")]
        return entries + [json.dumps(each) for each in self.told("Runtime.consoleAPICalled")]


@asynccontextmanager
async def browser(program: str, profile: Path) -> AsyncIterator[str]:
    """A browser with a profile of its own; the address of its DevTools."""
    command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{await _port(process, profile / 'DevToolsActivePort')}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


@asynccontextmanager
async def tab(address: str) -> AsyncIterator[Tab]:
    """A new page."""
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{address}/json/new?about:blank") as answer:
            socket = (await answer.json(content_type=None))["webSocketDebuggerUrl"]
        async with session.ws_connect(socket, max_msg_size=0) as connected:
            yield Tab(connected)


async def _port(process: subprocess.Popen[bytes], file: Path) -> int:
    """The port it chose; it writes it when it listens."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while not (file.exists() and file.read_text().strip()):
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        assert asyncio.get_running_loop().time() < end, "the browser never listened"
        await asyncio.sleep(0.05)
    return int(file.read_text().split()[0])


async def looked_at(file: Path, width: int, dark: bool) -> tuple[list[str], list[str], list[str], bool]:
    """What a page asks for and complains of, what sticks out and is cut in it, and whether it fits that width."""
    async with browser(str(chromium()), file.parent / "profile") as address, tab(address) as opened:
        await opened.open(file.as_uri(), width, dark)
        fits = await opened.evaluate("document.documentElement.scrollWidth") <= width
        asked = [url for url in opened.requests if url not in ("data:,", file.as_uri())]
        return [*asked, *opened.complaints], await opened.evaluate(STICKS_OUT), await opened.evaluate(CUT), fits
