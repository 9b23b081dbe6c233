"""The transcript of a stream in a real browser: nothing is lost or shown twice, whatever happens to the server, and it
holds what is very long."""

import contextlib
import re
import signal
import time

import numpy
import processes
import pytest
import speech
from browser import DAY_WRONG, chromium, reading
from newcomer import journal, web_server
from test_39_managed import STREAMS, call
from test_48_page_faults import fill

LONG = " ".join(f"word{i}" for i in range(1200))[:10_000]
LONG_WORD = "w" * 10_000

# Rows of the archive, by streams; TIMES are those of TRIED, one after the other.
NOW = int(time.time() * 1000)
TIMES = iter(range(NOW - 86_400_000, NOW, 20_000))
VERY_LONG = [{"stream": "long", "text": LONG, "start": NOW - 30_000}, {"stream": "long-word", "text": LONG_WORD, "start": NOW - 20_000}]
LONG_AGO = [{"stream": "hall", "text": f"said {i}", "start": NOW - 172_800_000 + 6000 * i} for i in range(5)]
MANY = [
    {"stream": "many", "text": f"segment number {i} of ten thousand", "start": NOW - 6000 * (10_000 - i)} for i in range(10_000)
]


def tries(n):
    for _ in range(n):
        for state in ("connecting", "offline"):
            yield {"stream": "yard", "kind": "status", "state": state, "reason": "it does not answer", "start": next(TIMES)}


def said(text):
    return {"stream": "yard", "text": text, "start": next(TIMES)}


TRIED = [said("good night"), *tries(300)]
FOUND = {"stream": "yard", "kind": "status", "state": "online", "start": next(TIMES)}
LOST = [said("here I am"), *tries(300)]
TRIED += [FOUND, *LOST]
KEPT = ("long", "long-word", "hall", "many")


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def phrase(jfk, tmp_path_factory):
    """A few words and a pause: what is waited for is never far off."""
    samples = numpy.concatenate([speech.load(jfk[0], 3), speech.silence(1)])
    return speech.save(tmp_path_factory.mktemp("phrase") / "phrase.wav", samples)


@pytest.fixture(scope="module")
def radio(program, models, phrase, tmp_path_factory):
    """A server with a stream, radio, that speaks all the time."""
    with processes.serving(program, models, tmp_path_factory.mktemp("radio")) as start:
        yield start(f'sources: {{allow: 127.0.0.0/8}}\nstreams: {{radio: {{url: "{phrase}", loop: true}}}}\n')


@pytest.fixture(scope="module")
def archive(program, models, tmp_path_factory):
    """A server that has heard much, long ago and since, and hears nothing any more."""
    folder, port = tmp_path_factory.mktemp("archive"), processes.free_port()
    fill(program, folder / f"state-{port}", [*VERY_LONG, *LONG_AGO, *MANY, *TRIED])
    with processes.serving(program, models, folder) as start:
        yield start(f"streams: {{{', '.join(f'{name}: rtsp://127.0.0.1:9/{name}' for name in KEPT)}}}\n", listen=port)


def transcript(reader):
    return reader.page.evaluate("[...document.querySelectorAll('.transcript .row-text')].map((row) => row.textContent)")


def wait_same(reader, server, stream, n):
    """Until the transcript that is shown is the journal's, with n segments at least; each is there once."""

    def is_same():
        reader.page.wait_for_timeout(20)
        kept = journal(server, stream)
        return len(kept) >= n and transcript(reader) == kept

    try:
        processes.wait_until(is_same, 60, f"{n} segments of {stream} as in the journal")
    except AssertionError as error:
        raise AssertionError(f"{error}: shown {transcript(reader)}, kept {journal(server, stream)}") from None


def test_a_server_that_goes_away_and_comes_back(browser, program, models, phrase, tmp_path):
    config = f'streams: {{radio: {{url: "{phrase}", loop: true}}}}\n'
    with processes.serving(program, models, tmp_path) as start, contextlib.ExitStack() as open_:
        server = start(config)
        reader = open_.enter_context(reading(browser, server))
        reader.open("/#/stream/radio")
        wait_same(reader, server, "radio", 1)
        server.stop()
        reader.wait("document.body.dataset.connection === 'away'")
        reader.wait_text("The server cannot be reached", "header")
        server = start(config, listen=server.port)
        reader.wait("document.body.dataset.connection === 'live'")
        wait_same(reader, server, "radio", len(journal(server, "radio")) + 1)


def test_a_server_that_says_nothing_is_away(browser, radio):
    with reading(browser, radio) as reader:
        reader.open("/#/stream/radio")
        wait_same(reader, radio, "radio", 1)
        radio.process.send_signal(signal.SIGSTOP)
        try:
            reader.wait("document.body.dataset.connection === 'away'")
        finally:
            radio.process.send_signal(signal.SIGCONT)
        reader.wait("document.body.dataset.connection === 'live'")
        wait_same(reader, radio, "radio", len(journal(radio, "radio")) + 1)


def test_a_laptop_that_slept(browser, radio):
    with reading(browser, radio) as reader:
        reader.open("/#/stream/radio")
        wait_same(reader, radio, "radio", 1)
        n = len(journal(radio, "radio"))
        reader.context.set_offline(True)
        processes.wait_until(lambda: len(journal(radio, "radio")) > n, 60, "text that the laptop sleeps through")
        reader.context.set_offline(False)
        wait_same(reader, radio, "radio", n + 2)


def test_a_stream_that_is_removed_while_it_is_open(browser, radio, phrase):
    server = radio
    with web_server(phrase.parent) as address, reading(browser, server) as reader:
        body = {"name": "porch", "url": f"{address}/{phrase.name}", "loop": True}
        assert call(server, "POST", STREAMS, body)[0] == 201
        for view in ("/", "/#/stream/porch"):
            reader.open(view)
            reader.wait_text("porch", ".tile" if view == "/" else "h1")
        processes.wait_until(lambda: transcript(reader), 60, "text")
        said = transcript(reader)
        assert call(server, "DELETE", f"{STREAMS}/porch")[0] == 204
        reader.wait_text("not there any more", ".view-stream")
        assert transcript(reader)[: len(said)] == said  # what was said can still be read
        reader.press("w")
        reader.wait("document.querySelector('.view-wall')")


def test_a_clock_that_is_a_day_wrong(browser, radio):
    with reading(browser, radio, scripts=[DAY_WRONG]) as reader:
        reader.open()
        # How late text is, is told by the server's clock.
        reader.wait("/^[0-9.]+ s late$/.test(document.querySelector('.tile[aria-label=radio] .delay')?.textContent)")
        late = float(reader.page.locator(".tile[aria-label=radio] .delay").inner_text().split()[0])
        assert late < 3600


def test_a_very_long_segment(browser, archive):
    with reading(browser, archive, viewport={"width": 360, "height": 740}) as reader:
        for stream, text in (("long", LONG), ("long-word", LONG_WORD)):
            reader.open(f"/#/stream/{stream}")
            reader.wait("text => document.querySelector('.transcript .row-text')?.textContent === text", text)
            assert reader.too_wide() == 0
        reader.open("/")
        reader.wait("n => document.querySelectorAll('.tile').length === n", len(KEPT))
        assert reader.too_wide() == 0


def test_a_tile_of_a_stream_that_spoke_long_ago(browser, archive):
    with reading(browser, archive) as reader:
        # Before all that the wall asks for at first.
        reader.open("/")
        reader.wait("""said => {
            const lines = document.querySelectorAll('.tile[aria-label=hall] .lines p');
            return [...lines].map((line) => line.textContent).join() === said;
        }""", "said 2,said 3,said 4")


def test_ten_thousand_segments_are_scrolled(browser, archive):
    with reading(browser, archive) as reader:
        reader.open("/#/stream/many")
        reader.wait("document.querySelectorAll('.transcript .row').length >= 50")
        for wanted in (300, 600, 900):
            # To the top again and again, until so many are there.
            reader.wait("""n => {
                document.querySelector('.transcript').scrollTop = 0;
                return document.querySelectorAll('.transcript .row').length >= n;
            }""", wanted)
        shown = transcript(reader)
        numbers = [int(re.search(r"\d+", text).group()) for text in shown]
        assert numbers == list(range(10_000 - len(numbers), 10_000))
        # Only what is near the screen is made of words.
        assert reader.page.evaluate("document.querySelectorAll('.transcript .word').length") < 6 * 400
        reader.press("g")
        reader.wait_text("segment number 9999 of", ".transcript")
        reader.wait("(() => { const t = document.querySelector('.transcript'); return t.scrollHeight - t.scrollTop - t.clientHeight < 5; })()")


def test_a_camera_that_is_tried_again_and_again(browser, archive):
    with reading(browser, archive) as reader:
        reader.open("/#/stream/yard")
        reader.wait_text("good night", ".transcript")
        shown = reader.page.evaluate("""[...document.querySelectorAll('.transcript :is(.row-text, .status-rule)')].map((node) =>
            node.matches('.row-text') ? node.textContent : [node.dataset.state, Date.parse(node.querySelector('time').dateTime)])""")
        assert shown == ["good night", ["online", FOUND["start"]], "here I am", ["offline", LOST[2]["start"]]]
