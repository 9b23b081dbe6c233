"""A new user's first hour with the page, step by step, by the keyboard alone (but for a file, which is dropped)."""

import base64
import contextlib
import functools
import http.server
import sqlite3
import threading

TEXT = "[...document.querySelectorAll('.tile .lines p:not(.tile-quiet)')].some((line) => line.textContent.trim())"
# Of the stream that is open, its longest word: it is searched for.
LONGEST_WORD = """(() => {
  const text = [...document.querySelectorAll('.transcript .row-text')].map((row) => row.textContent).join(' ');
  return text.match(/\\p{L}{5,}/gu)?.sort((a, b) => b.length - a.length)[0];
})()"""

DROP = """([bytes, name]) => {
  const file = new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, {type: 'audio/flac'});
  const transfer = new DataTransfer();
  transfer.items.add(file);
  for (const kind of ['dragenter', 'dragover', 'drop'])
    document.querySelector('.drop').dispatchEvent(
      new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


@contextlib.contextmanager
def web_server(folder):
    """The folder's files at an address of this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def journal(server, stream):
    """Texts of the stream's segments, in their order."""
    path = f"file:{server.state_dir / 'journal.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        rows = database.execute("SELECT text FROM rows WHERE stream = ? AND kind = 0 ORDER BY start_ms", (stream,))
        return [text for (text,) in rows]


def tab_to(reader, label, at_most=80):
    """Tab until what is called so (its text, its label or what labels it) has the focus."""
    for _ in range(at_most):
        reader.press("Tab")
        found = reader.page.evaluate("""() => {
            const node = document.activeElement;
            return [node.getAttribute('aria-label'), node.textContent, node.labels?.[0]?.textContent].join('\\n');
        }""")
        if label in found:
            return
    raise AssertionError(f"{label!r} cannot be reached with the Tab key")


class Newcomer:
    """`reader` is a browser.Reader; `source` an address with a recording, `recording` a file."""

    def __init__(self, reader, token, source, recording):
        self.reader, self.token, self.source, self.recording = reader, token, source, recording
        self.word = None

    def steps(self):
        """(what is done, function that returns once something of it is visible)"""
        return [
            ("the page is opened: first text", self.open_page),
            ("a stream is opened: its transcript", self.open_stream),
            ("a word is searched for: found", self.search),
            ("it is played: the spoken word is marked", self.play),
            ("an address is looked at: what is there", self.look_at_address),
            ("it is added: text of the new stream", self.add_stream),
            ("an alert is tried on what was said", self.try_alert),
            ("it is saved, and fires", self.save_alert),
            ("a file is dropped: its text", self.drop_file),
            ("the microphone is turned on: text", self.speak),
        ]

    def open_page(self):
        self.reader.open(token=self.token)
        self.reader.wait(TEXT)

    def open_stream(self):
        self.reader.press("j", "Enter")
        self.word = self.reader.wait(LONGEST_WORD)

    def search(self):
        self.reader.press("/")
        self.reader.wait("document.activeElement.type === 'search'")
        self.reader.type(self.word)
        self.reader.wait("document.querySelectorAll('.hits .row mark').length > 0")

    def play(self):
        self.reader.press("ArrowDown")
        self.reader.wait("document.activeElement.matches('.hits .row')")
        self.reader.press("p")
        self.reader.wait("document.querySelector('.spoken-word')")
        tab_to(self.reader, "Close the sound")
        self.reader.press("Enter")

    def look_at_address(self):
        self.reader.press("n")
        self.reader.wait("document.activeElement.inputMode === 'url'")
        self.reader.type(self.source)
        self.reader.press("Enter")
        # What was found has words; then its name is asked for.
        self.reader.wait("document.querySelector('.view-add .good') && document.activeElement.maxLength === 64")

    def add_stream(self):
        self.reader.press("Control+a")
        self.reader.type("porch")
        self.reader.press("Enter")
        self.reader.wait("document.activeElement.matches('a[href$=\"/porch\"]')")
        self.reader.press("Enter")
        self.reader.wait("document.querySelector('h1')?.textContent === 'porch'")
        self.reader.wait("document.querySelector('.transcript .row-text, .tail-area .tail')?.textContent.trim()")

    def try_alert(self):
        self.reader.press("a")
        self.reader.wait("document.querySelector('.view-alerts button.primary:not([hidden])')")
        tab_to(self.reader, "Make an alert")
        self.reader.press("Enter")
        self.reader.wait("document.activeElement.required")
        self.reader.type("my-word")
        self.reader.press("Tab")
        self.reader.type(self.word)
        tab_to(self.reader, "What would have fired?")
        self.reader.press("Enter")
        self.reader.wait("document.querySelector('.trial .row')")

    def save_alert(self):
        tab_to(self.reader, "Save")
        self.reader.press("Enter")
        self.reader.wait("!document.querySelector('.view-alerts form')")
        # The stream says the word again and again.
        self.reader.wait("document.querySelector('.hits .row')?.textContent.includes('my-word')")

    def drop_file(self):
        self.reader.press("f")
        self.reader.wait("document.querySelector('.drop')")
        bytes_ = base64.b64encode(self.recording.read_bytes()).decode()
        self.reader.page.evaluate(DROP, [bytes_, self.recording.name])
        self.reader.wait("document.querySelector('.file-text:not([hidden]) p')?.textContent.trim()")

    def speak(self):
        self.reader.press("m")
        self.reader.wait("document.querySelector('.microphone-button')")
        tab_to(self.reader, "Start listening")
        self.reader.press("Enter")
        self.reader.wait("document.querySelector('.heard .tail, .heard-lines p')?.textContent.trim()")
