"""The page in a real browser, with a real server and real speech: a new user's hour, each view for everybody."""

import numpy
import processes
import pytest
import speech
from browser import chromium, reading
from newcomer import TEXT, Newcomer, journal, web_server
from test_37_tokens import owner

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
        yield started


def test_a_new_users_hour_by_keyboard(browser, server, spoken, jfk):
    with web_server(spoken[0]) as address, reading(browser, server, permissions=["microphone"]) as reader:
        newcomer = Newcomer(reader, owner(server), f"{address}/speech.wav", jfk[0])
        for _, step in newcomer.steps():
            step()
        assert newcomer.word.lower() in jfk[1].lower()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_for_everybody(browser, server, scheme):
    found = {}
    with reading(browser, server, color_scheme=scheme) as reader:
        for name, (address, is_there) in VIEWS.items():
            reader.page.goto("about:blank")
            reader.open(address, owner(server) if address.startswith("/#") or address == "/" else None)
            reader.wait(is_there)
            found[name] = reader.axe()
    assert not any(found.values()), found


def test_every_view_fits_a_phone(browser, server):
    wide = {}
    with reading(browser, server, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True) as reader:
        for name, (address, is_there) in VIEWS.items():
            reader.page.goto("about:blank")
            reader.open(address, owner(server) if address.startswith("/#") or address == "/" else None)
            reader.wait(is_there)
            wide[name] = reader.too_wide()
    assert not any(wide.values()), wide


def test_nothing_moves_while_text_arrives(browser, server):
    with reading(browser, server) as reader:
        for address in ("/", "/#/stream/demo"):
            reader.open(address)
            reader.wait(VIEWS["wall"][1] if address == "/" else VIEWS["stream"][1])
            n, before = len(journal(server, "demo")), reader.shift()
            processes.wait_until(lambda n=n: reader.page.wait_for_timeout(50) or len(journal(server, "demo")) > n + 1, 60, "two more finals")
            reader.page.wait_for_timeout(200)  # in which they are drawn
            assert reader.shift() == before, reader.page.evaluate("globalThis.shifted")


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
