"""Open every page of the built site in a headless browser: no error on the console, no request that leaves the machine.

Usage: ``python scripts/check_site.py SITE [--screenshots DIR]``, with SITE the folder that ``make docs`` writes. Exit
code 0: all pages are well, or there is no browser to look with, which is said.
"""

import argparse
import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import quote, urlsplit

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Programs of the system that are taken before the browser that playwright downloads."""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def serve(site: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder on a free port of this machine."""
    handler = functools.partial(QuietHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def launch(playwright):
    """Start a browser; None where there is none."""
    from playwright.sync_api import Error

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        # Without its own services the browser asks for nothing that a page did not ask for.
        return playwright.chromium.launch(
            executable_path=program, args=["--disable-background-networking", "--no-sandbox"]
        )
    except Error as error:
        print(f"skipped: no browser to open the site with ({str(error).splitlines()[0]}); apt install chromium")
        return None


def is_local(url: str, port: int) -> bool:
    """Tell whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about") or (parts.hostname == "127.0.0.1" and parts.port == port)


def faults_of(page, url: str, port: int) -> list[str]:
    """Open a page to its end and list what is wrong with it."""
    faults: list[str] = []
    page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on(
        "request", lambda request: None if is_local(request.url, port) else faults.append(f"asks for {request.url}")
    )
    page.on(
        "response", lambda answer: faults.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
    )
    page.goto(url, wait_until="load")
    page.mouse.wheel(0, 10_000)
    silent = page.evaluate(
        """async () => {
            const broken = [];
            for (const audio of document.querySelectorAll("audio")) {
                audio.load();
                await new Promise(done => {
                    if (audio.readyState >= 1) return done();
                    audio.onloadedmetadata = done;
                    audio.onerror = () => { broken.push(audio.currentSrc.slice(0, 40)); done(); };
                    setTimeout(() => { broken.push("nothing after 10 s"); done(); }, 10000);
                });
            }
            return broken.concat([...document.images].filter(image => image.complete && !image.naturalWidth)
                .map(image => image.src));
        }"""
    )
    return faults + [f"cannot be shown or played: {what}" for what in silent]


def check(site: Path, screenshots: Path | None) -> int:
    """Open every page; return the exit code."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        print("skipped: no browser to open the site with: pip install 'lakhnes[docs]', apt install chromium")
        return 0
    pages = sorted(site.rglob("*.html"))
    if not pages:
        print(f"{site}: no pages; make docs builds them")
        return 1
    server = serve(site)
    port, failed = server.server_address[1], 0
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            return 0
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        for path in pages:
            name = path.relative_to(site).as_posix()
            page = context.new_page()
            faults = faults_of(page, f"http://127.0.0.1:{port}/{quote(name)}", port)
            for fault in dict.fromkeys(faults):
                print(f"{name}: {fault}")
            failed += bool(faults)
            if screenshots:
                picture = screenshots / f"{name.replace('/', '-').removesuffix('.html')}.png"
                page.screenshot(path=picture, full_page=True)
            page.close()
        browser.close()
    server.shutdown()
    print(f"{len(pages)} pages opened, {failed} with faults")
    return 1 if failed else 0


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--screenshots", type=Path, help="a folder for a picture of each page")
    arguments = parser.parse_args()
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
    return check(arguments.site, arguments.screenshots)


if __name__ == "__main__":
    sys.exit(main())
