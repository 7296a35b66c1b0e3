"""A browser for tests: Chromium, driven through chromedriver by the WebDriver protocol (W3C), with nothing but the
standard library. Debian has both as the packages ``chromium`` and ``chromium-driver``."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which the protocol refers to an element."""

KEYS = {
    "Control": "\ue009", "Shift": "\ue008", "Alt": "\ue00a", "Home": "\ue011", "Delete": "\ue017", "Enter": "\ue007",
    "Escape": "\ue00c", "Tab": "\ue004",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
}  # fmt: skip
"""The keys without a letter, by their code points in the protocol."""


def needed() -> tuple[str, str]:
    """Return the programs, or skip the test where one is missing."""
    driver, browser = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
    if not driver or not browser:
        pytest.skip("no Chromium with chromedriver here (Debian: apt install chromium chromium-driver)")
    return driver, browser


class Browser:
    """A page in a headless Chromium."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = ""

    def begin(self, browser: str, folder: str, width: int = 1400, height: int = 960) -> None:
        switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio",
                    f"--window-size={width},{height}", "--autoplay-policy=user-gesture-required", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update"]  # fmt: skip
        options = {"binary": browser, "args": switches, "prefs": {"download.default_directory": folder}}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options}
        capabilities |= {"goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self._address + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def do(self, method, path, body=None):
        return self.call(method, self._session + path, body)

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Run JavaScript: an expression, whose value comes back."""
        return self.do("POST", "/execute/sync", {"script": f"return ({script})", "args": list(arguments)})

    def wait(self, script, seconds=60, what=None):
        """Return the value of an expression when it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.1)
        raise AssertionError(f"{what or script}: not within {seconds} s; status: {self.run(STATUS)}")

    def click(self, selector):
        found = self.do("POST", "/element", {"using": "css selector", "value": selector})
        self.do("POST", f"/element/{found[ELEMENT]}/click", {})

    def type(self, selector, text):
        found = self.do("POST", "/element", {"using": "css selector", "value": selector})
        self.do("POST", f"/element/{found[ELEMENT]}/value", {"text": text})

    def press(self, *keys):
        """Press keys together, such as ``press("Control", "z")``."""
        values = [KEYS.get(key, key) for key in keys]
        actions = [{"type": "keyDown", "value": value} for value in values]
        actions += [{"type": "keyUp", "value": value} for value in reversed(values)]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def drag(self, selector, start, end):
        """Drag with the mouse from one point of an element to another, in pixels from its corner."""
        left, top = self.run(
            f"(({{left, top}}) => [left, top])(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        points = [
            {"type": "pointerMove", "duration": 0, "x": round(left + x), "y": round(top + y)} for x, y in (start, end)
        ]
        middle = {"type": "pointerMove", "duration": 20, "x": points[1]["x"] - 1, "y": points[1]["y"]}
        actions = [
            points[0],
            {"type": "pointerDown", "button": 0},
            middle,
            points[1],
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.do("POST", "/actions", {"actions": [pointer]})

    def resize(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.chrome("Emulation.setDeviceMetricsOverride", metrics)

    def chrome(self, command, params):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.do("GET", "/screenshot")))

    def complaints(self):
        """Return the errors of the page's console since the last call."""
        return [
            entry["message"] for entry in self.do("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"
        ]

    def requests(self):
        """Return the addresses that the page asked for since the last call."""
        entries = self.do("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


STATUS = "document.getElementById('status')?.textContent"


@contextlib.contextmanager
def chromium(folder):
    """Start a browser, whose downloads go to a folder."""
    driver, browser = needed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    page = Browser(f"http://127.0.0.1:{port}")
    try:
        for _ in range(300):
            with contextlib.suppress(OSError, AssertionError):
                if page.call("GET", "/status")["ready"]:
                    break
            time.sleep(0.1)
        page.begin(browser, str(folder))
        try:
            yield page
        finally:  # also of a test that failed: the browser outlives its driver
            page.do("DELETE", "")
    finally:
        process.terminate()
        process.wait(timeout=20)
