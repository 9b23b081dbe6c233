"""A real browser that reads the server's page: Debian's chromium, driven by playwright.

Whatever a page must never do fails the test that it happens in: an error in the browser's console (and so whatever
the Content-Security-Policy forbids), an exception that nobody caught, a dialog of a script, and a request to anything
but the server, or to an address there that is none of the page's.
"""

import contextlib
import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 60_000  # ms that a condition is waited for, on a machine that is busy

# What the page may ask of its server.
OWN_PATHS = re.compile(r"/(web/[\w.-]+|api/v1/.*|healthz|metrics|authority\.\w+|captions/.*|s/.*)?")

# Said by the browser itself of each answer that is no success, and of each connection that does not come about, which
# the page tells in its own words.
NOT_THE_PAGES = ("Failed to load resource: ", "WebSocket connection to ")

# Is there to be run where a name or a text is taken for HTML, an attribute or an address.
HOSTILE = (
    "<img src=/pwned onerror=alert(1)>",
    "<script>alert(1)</script>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{name} ${alert(1)} &lt;b&gt;",
    "\u202eright to left\u202c",
)

DAY_WRONG = """{
  const Real = Date, shift = 86400000;
  globalThis.Date = class extends Real {
    constructor(...values) { if (values.length) super(...values); else super(Real.now() + shift); }
    static now() { return Real.now() + shift; }
  };
}"""

# Moves that nobody asked for, summed as browsers do.
SHIFTS = """
  globalThis.layoutShift = 0;
  globalThis.shifted = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries().filter((entry) => !entry.hadRecentInput)) {
      globalThis.layoutShift += entry.value;
      for (const {node, previousRect: {y: from}, currentRect: {y: to}} of entry.sources)
        globalThis.shifted.push(`${node?.className || node?.nodeName}: ${from} to ${to}`);
    }
  }).observe({type: "layout-shift", buffered: true});
"""


@contextlib.contextmanager
def chromium(microphone=None, arguments=()):
    """The browser, which reaches this machine only. `microphone`: a WAV file that its fake one plays in a loop."""
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *arguments]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    if microphone:
        arguments += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield started
        finally:
            started.close()


class Reader:
    """Somebody who reads the page in a tab."""

    def __init__(self, browser, server, scripts=(), **options):
        self.server, self.problems = server, []
        self.origin = f"http://127.0.0.1:{server.port}"
        options.setdefault("viewport", {"width": 1280, "height": 800})
        options.setdefault("timezone_id", "Europe/Berlin")
        options.setdefault("locale", "en-GB")
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        for script in (SHIFTS, *scripts):
            self.context.add_init_script(script)
        self.context.on("request", self._look_at)
        self.context.on("page", self._watch)
        self.page = self.context.new_page()

    def _look_at(self, request):
        parts = urlsplit(request.url)
        if parts.scheme in ("blob", "data"):
            return
        if f"{parts.scheme}://{parts.netloc}" != self.origin or not OWN_PATHS.fullmatch(parts.path):
            self.problems.append(f"asked for {request.url}")

    def _watch(self, page):
        def on_console(message):
            if message.type == "error" and not message.text.startswith(NOT_THE_PAGES):
                self.problems.append(f"console: {message.text} ({message.location.get('url')})")

        def on_dialog(dialog):
            self.problems.append(f"a dialog: {dialog.message}")
            dialog.dismiss()

        page.on("console", on_console)
        page.on("dialog", on_dialog)
        page.on("pageerror", lambda error: self.problems.append(f"not caught: {error}"))

    # --- doing --------------------------------------------------------------------------------

    def open(self, address="/", token=None):
        """Open an address of the server; with a token as a link that is handed on has it."""
        if token:
            self.page.goto(f"{self.origin}/#token={token}" + (f"&to={address[2:]}" if address != "/" else ""))
        else:
            self.page.goto(self.origin + address)
        return self

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text):
        self.page.keyboard.type(text)

    # --- looking ------------------------------------------------------------------------------

    def wait(self, expression, argument=None):
        """Until the JavaScript expression, or function of `argument`, is true; its value. Asked again and again from
        here: what playwright has for it is evaluated by the page, whose policy forbids just that."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not (value := self.page.evaluate(expression, argument)):
            assert time.monotonic() < deadline, (
                f"not within {PATIENCE / 1000:.0f} s: {expression}; at {self.page.url}, with the focus on "
                f"{self.page.evaluate('document.activeElement?.outerHTML.slice(0, 200)')}, is shown: "
                f"{self.page.inner_text('body')[:2000]}; {self.problems}"
            )
            self.page.wait_for_timeout(50)
        return value

    def wait_text(self, text, where="body"):
        self.page.locator(where).get_by_text(text).first.wait_for()

    def shift(self):
        return self.page.evaluate("globalThis.layoutShift")

    def too_wide(self):
        """Pixels by which the page, or a dialog on it, is wider than its window."""
        return self.page.evaluate("""() => {
            const boxes = [document.documentElement, ...document.querySelectorAll('dialog[open]')];
            return Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth));
        }""")

    def axe(self, rules=None):
        """What axe-core finds, with all of its rules or these: [(rule, element), ...]."""
        if not self.page.evaluate("'axe' in globalThis"):
            self.page.evaluate(AXE)
        found = self.page.evaluate(
            "(rules) => axe.run(document, {resultTypes: ['violations'], ...(rules && {runOnly: rules})})", rules)
        return [
            (violation["id"], node["html"][:200], node.get("failureSummary", "")[:300])
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def close(self):
        self.context.close()


AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@contextlib.contextmanager
def reading(browser, server, **options):
    """A Reader, of whom nothing bad was seen at the end."""
    reader = Reader(browser, server, **options)
    try:
        yield reader
        assert not reader.problems, "\n".join(reader.problems)
    finally:
        reader.close()
