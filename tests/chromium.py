"""Chromium without a window, driven through its pipe by the DevTools protocol: keys in, what is on the page out."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time

import pytest

KEYS = {
    "Enter": ("Enter", 13, "\r"),
    "Tab": ("Tab", 9, ""),
    "Space": (" ", 32, " "),
    "ArrowDown": ("ArrowDown", 40, ""),
}
"""Keys with a name: what the event calls them, their virtual key code, and the text that they type."""

PATIENCE = 60.0
"""Seconds that anything may take on a busy machine."""


def program():
    """Return the path of Chromium; the test is skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("the page is tested in Chromium, and no chromium or google-chrome is installed")


class Browser:
    """A browser; a context manager."""

    def __init__(self, folder):
        to_child, self._write = _pipe()
        self._read, from_child = _pipe()
        self._errors = (folder / "chromium.log").open("wb")

        def connect():
            os.dup2(to_child, 3)
            os.dup2(from_child, 4)

        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--no-first-run"]
        arguments += ["--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
        self._process = subprocess.Popen(
            [program(), *arguments], preexec_fn=connect, pass_fds=(3, 4), stdin=subprocess.DEVNULL,
            stdout=self._errors, stderr=self._errors,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        self._number, self._rest, self.events = 0, b"", []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.wait()
        for pipe in (self._read, self._write):
            os.close(pipe)
        self._errors.close()

    def call(self, method, session=None, **params):
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                return reply["result"]
            self.events.append(reply)

    def _next(self):
        while b"\0" not in self._rest:
            assert select.select([self._read], [], [], PATIENCE)[0], "Chromium does not answer"
            data = os.read(self._read, 1 << 16)
            assert data, "Chromium has ended"
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def page(self, *, width=800, height=900):
        """Open a page in a profile of its own, as another person's browser is."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, width, height)


class Page:
    """A page of a browser."""

    def __init__(self, browser, session, width, height):
        self.browser, self.session = browser, session
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def open(self, address):
        self.call("Page.navigate", url=address)

    def evaluate(self, expression):
        """Return the value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression):
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < end, (expression, self.evaluate("document.body.innerText"))
            time.sleep(0.05)
        return value

    def press(self, key, modifiers=0):
        """Press a key and let it go."""
        name, code, text = KEYS[key] if key in KEYS else (key, ord(key.upper()), key)
        facts = {"key": name, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        facts["code"] = key if key in KEYS else f"Key{key.upper()}" if key.isalpha() else f"Digit{key}"
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **facts)
        self.call("Input.dispatchKeyEvent", type="keyUp", **facts)

    def complaints(self):
        """Return what the page's console had to say: exceptions, refused code and files."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded")
        return [
            event for event in self.browser.events
            if event.get("sessionId") == self.session and event.get("method") in kinds
        ]  # fmt: skip

    def roles(self):
        """Return the names of what a screen reader finds, by role."""
        found = {}
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            if not node.get("ignored"):
                found.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        return found


def _pipe():
    """Return a pipe whose ends are far from the numbers that Chromium's ends get."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for end in ends)
    for end in ends:
        os.close(end)
    return moved
