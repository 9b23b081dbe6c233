"""The page in a real browser, with a real server and real speech: a new user's hour, each view for everybody."""

import numpy
import processes
import pytest
import speech
from browser import chromium, reading
from newcomer import TEXT, Newcomer, journal, web_server
from test_37_tokens import owner
from test_39_managed import STREAMS, call

# Where each view is, and what is there once it has been drawn.
VIEWS = {
    "wall": ("/", TEXT),
    "stream": ("/#/stream/demo", "document.querySelector('.transcript .row-text')"),
    "search": ("/#/search?q=country", "document.querySelector('.hits .row mark')"),
    "alerts": ("/#/alerts", "document.querySelector('.view-alerts h2')"),
    "add": ("/#/add", "document.querySelector('.view-add form')"),
    "microphone": ("/#/microphone", "document.querySelector('.microphone-button')"),
    "files": ("/#/files", "document.querySelector('.drop')"),
    "server": ("/#/server", "document.querySelector('.view-server h2')"),
    "captions-help": ("/#/captions-help", "document.querySelector('.view-captions-help form, .view-captions-help input')"),
    "captions": ("/captions/demo", "document.querySelector('.view-captions')"),
    "segment": ("/s/{segment}", "document.querySelector('.segment .row-text')"),
}

# What opens in a view, by which buttons, and where it is then.
OPENED = {
    "keys": ("wall", ["[aria-keyshortcuts='?']"], "dialog .keys"),
    "settings": ("wall", ["header [aria-label='How the page looks']"], "dialog select"),
    "menu of a tile": ("wall", ["[aria-label='What to do with yard']"], "dialog .stream-actions"),
    "settings of a stream": ("yard", [".stream-manage summary", ".stream-actions >> text=Settings"], "dialog form"),
    "removal of a stream": ("yard", [".stream-manage summary", ".stream-actions .danger"], "dialog form"),
    "form of an alert": ("alerts", ["text=Make an alert", ".view-alerts form details >> nth=0"], ".view-alerts form"),
}


@pytest.fixture(scope="module")
def spoken(jfk, tmp_path_factory):
    """(folder, WAV file): a recording that is said again and again, with a pause between."""
    folder = tmp_path_factory.mktemp("spoken")
    samples = numpy.concatenate([speech.load(jfk[0]), speech.silence(2)])
    return folder, speech.save(folder / "speech.wav", samples)


@pytest.fixture(scope="module")
def browser(spoken):
    with chromium(microphone=spoken[1]) as started:
        yield started


@pytest.fixture(scope="module")
def server(program, models, spoken, tmp_path_factory):
    config = (
        "journal: {audio: on}\nsources: {allow: 127.0.0.0/8}\n"
        f'streams:\n  demo: {{url: "{spoken[1]}", loop: true}}\n  shed: {{url: "rtsp://127.0.0.1:9/"}}\n'
    )
    with processes.serving(program, models, tmp_path_factory.mktemp("page")) as start:
        started = start(config)
        # All that was said is there to be found.
        processes.wait_until(lambda: "country" in " ".join(journal(started, "demo")), 120, "what the recording says")
        # What was added while it runs may also be changed and removed.
        assert call(started, "POST", STREAMS, {"name": "yard", "url": "rtsp://127.0.0.1:9/yard"})[0] == 201
        yield started


def look_everywhere(reader, server, look):
    """{view, or what was opened in one: what look() finds there}."""
    found = {}
    segment = call(server, "GET", f"{STREAMS}/demo/segments?limit=1")[1]["rows"][0]["id"]
    views = {**VIEWS, "yard": ("/#/stream/yard", "document.querySelector('.stream-manage')")}

    def go(view):
        address, is_there = views[view]
        reader.page.goto("about:blank")
        reader.open(address.format(segment=segment), owner(server) if address.startswith("/#") or address == "/" else None)
        reader.wait(is_there)

    for view in VIEWS:
        go(view)
        found[view] = look()
    for opened, (view, buttons, there) in OPENED.items():
        go(view)
        for button in buttons:
            reader.page.locator(button).first.click()
        reader.page.locator(there).first.wait_for()
        found[opened] = look()
    return found


def test_a_new_users_hour_by_keyboard(browser, server, spoken, jfk):
    with web_server(spoken[0]) as address, reading(browser, server, permissions=["microphone"]) as reader:
        newcomer = Newcomer(reader, owner(server), f"{address}/speech.wav", jfk[0])
        for _, step in newcomer.steps():
            step()
        assert newcomer.word.lower() in jfk[1].lower()


def test_every_view_is_for_everybody(browser, server):
    with reading(browser, server, color_scheme="light") as reader:

        def look():
            found = reader.axe()
            # In the dark only colours are others.
            for scheme, rules in (("dark", ["color-contrast"]), ("light", [])):
                reader.page.emulate_media(color_scheme=scheme)
                reader.wait("scheme => document.documentElement.dataset.theme === scheme", scheme)
                found += reader.axe(rules) if rules else []
            return found

        found = look_everywhere(reader, server, look)
    assert not any(found.values()), found


def test_every_view_fits_a_phone(browser, server):
    with reading(browser, server, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True) as reader:
        wide = look_everywhere(reader, server, reader.too_wide)
    assert not any(wide.values()), wide


def test_nothing_moves_while_text_arrives(browser, server):
    with reading(browser, server) as wall, reading(browser, server) as stream:
        wall.open("/")
        wall.wait(VIEWS["wall"][1])
        stream.open("/#/stream/demo")
        stream.wait(VIEWS["stream"][1])
        n, before = len(journal(server, "demo")), [reader.shift() for reader in (wall, stream)]
        processes.wait_until(lambda: wall.page.wait_for_timeout(50) or len(journal(server, "demo")) > n + 1, 60, "two more finals")
        for reader, shift in zip((wall, stream), before, strict=True):
            reader.page.wait_for_timeout(200)  # in which they are drawn
            assert reader.shift() == shift, reader.page.evaluate("globalThis.shifted")


def test_each_time_is_the_readers(browser, server):
    times = {}
    for zone in ("Europe/Berlin", "America/New_York"):
        with reading(browser, server, timezone_id=zone) as reader:
            reader.open("/#/stream/demo")
            reader.wait(VIEWS["stream"][1])
            times[zone] = reader.page.evaluate(
                "(() => { const t = document.querySelector('.row time'); return [t.dateTime, t.textContent]; })()"
            )
    (start, berlin), (_, new_york) = times.values()
    hour = int(start[11:13])
    assert int(berlin[:2]) == (hour + 1) % 24 and int(new_york[:2]) == (hour - 5) % 24
