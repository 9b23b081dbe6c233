"""The page where something is wrong: tokens, names and texts that are made to do harm, clocks, servers that go away."""

import json
import re
import subprocess
import time
from urllib.parse import quote

import processes
import pytest
from browser import HOSTILE, chromium, reading
from newcomer import journal
from test_37_tokens import ask, configuration, owner

# What a client may call its stream; streams of the configuration have plain names.
NAMES = [name for name in HOSTILE if not re.search(r"[,*?\[\]\\]", name)]
LONG = " ".join(f"word{i}" for i in range(1200))[:10_000]
LONG_WORD = "w" * 10_000


@pytest.fixture(scope="module")
def browser():
    # There is a microphone, which nobody allowed the page to hear.
    with chromium(arguments=["--use-fake-device-for-media-stream"]) as started:
        yield started


def fill(program, folder, rows):
    """Rows into the journal of a server that does not run yet."""
    folder.mkdir(mode=0o700, exist_ok=True)
    lines = "\n".join(json.dumps({"model": "base", "language": "en", "duration": 4, "timed": True, **row}) for row in rows)
    subprocess.run([program.parent / "bench/journal_bench", "fill", folder], input=lines.encode(), check=True)


@pytest.fixture(scope="module")
def hostile(program, models, tmp_path_factory):
    """A server whose streams' names, reasons and texts are made to do harm."""
    folder, port = tmp_path_factory.mktemp("hostile"), processes.free_port()
    now = int(time.time() * 1000)
    rows = [
        {"stream": name, "text": HOSTILE[(i + k) % len(HOSTILE)], "start": now - 60_000 * (10 - k)}
        for i, name in enumerate(NAMES)
        for k in range(len(HOSTILE))
    ]
    rows += [
        {"stream": name, "kind": "alert", "alert": words, "found": words[:5], "text": words, "start": now - 50_000}
        for name, words in zip(NAMES, HOSTILE, strict=False)
    ]
    rows += [
        {"stream": "reasons", "kind": kind, "state": "offline", "reason": words, "text": "so it was", "start": now - 9000 + i}
        for i, words in enumerate(HOSTILE)
        for kind in ("status", "segment")
    ]
    rows.append({"stream": "long", "text": LONG, "start": now - 30_000})
    rows.append({"stream": "long-word", "text": LONG_WORD, "start": now - 20_000})
    fill(program, folder / f"state-{port}", rows)
    with processes.serving(program, models, folder) as start:
        # A name with ${ is one of a variable of the environment there.
        rules = json.dumps({"patterns": [f"\\Q{words}\\E" for words in HOSTILE if "$" not in words]}, ensure_ascii=False)
        yield start(f"streams: {{long: 'rtsp://127.0.0.1:9/<b>'}}\nalerts: {{shouts: {rules}}}\n", listen=port)


@pytest.fixture(scope="module")
def guarded(program, models, tmp_path_factory):
    """A server that lets nobody in without a token."""
    with processes.serving(program, models, tmp_path_factory.mktemp("guarded")) as start:
        yield start(configuration())


def names_shown(reader):
    return reader.page.locator(".tile h2").all_inner_texts()


def test_names_reasons_and_texts_are_only_text(browser, hostile):
    with reading(browser, hostile) as reader:
        reader.open()
        reader.wait("n => document.querySelectorAll('.tile').length === n", len(NAMES) + 3)
        assert sorted(names_shown(reader)) == sorted([*NAMES, "long", "long-word", "reasons"])
        reader.wait("""texts => {
            const shown = [...document.querySelectorAll('.tile .lines p')].map((line) => line.textContent);
            return texts.every((text) => shown.some((line) => line.includes(text)));
        }""", [*HOSTILE, LONG])


# Where text that came from outside is shown besides the wall; {name} is a stream's.
SHOWN = {
    "transcript": ("/#/stream/{name}", ".transcript .row-text", HOSTILE),
    "reasons": ("/#/stream/reasons", ".transcript .status-rule", HOSTILE),
    "search": ("/#/search?q=alert", ".hits .row-text", [words for words in HOSTILE if "alert" in words]),
    "streams of hits": ("/#/search?q=alert", ".hits .stream-link", NAMES),
    "what fired": ("/#/alerts", ".view-alerts .hits strong", HOSTILE[: len(NAMES)]),
    "rules": ("/#/alerts", ".rules dd", [words for words in HOSTILE if "$" not in words]),
    "server": ("/#/server", ".view-server th", ["long"]),
    "captions help": ("/#/captions-help/{name}", ".command", []),
}


@pytest.mark.parametrize("what", SHOWN)
def test_every_view_shows_only_text(browser, hostile, what):
    address, where, wanted = SHOWN[what]
    with reading(browser, hostile) as reader:
        for name in NAMES if "{name}" in address else [""]:
            reader.open(address.format(name=quote(name, safe="")))
            reader.wait("""([where, wanted]) => {
                const shown = [...document.querySelectorAll(where)].map((node) => node.textContent);
                return shown.length > 0 && wanted.every((words) => shown.some((text) => text.includes(words)));
            }""", [where, wanted])


def test_a_segment_is_only_text(browser, hostile):
    rows = json.loads(ask(hostile, "/api/v1/segments?limit=200", owner(hostile))[2])["rows"]
    rows = [row for row in rows if row["text"] == row["stream"]]
    assert {row["text"] for row in rows} == set(NAMES)
    with reading(browser, hostile) as reader:
        for row in rows:
            reader.open(f"/s/{row['id']}")
            reader.wait("""words => document.querySelector('.segment h1')?.textContent === words &&
                document.querySelector('.segment .row-text').textContent === words""", row["text"])


def test_captions_are_only_text(browser, hostile):
    with reading(browser, hostile) as reader:
        for name in NAMES:
            reader.open(f"/captions/{quote(name, safe='')}")
            reader.wait("name => document.querySelector('.view-captions h1')?.textContent.includes(name)", name)


def test_a_query_is_only_text(browser, hostile):
    addresses = ["/?q={0}", "/#/{0}", "/#/stream/{0}", "/#/stream/long?at={0}", "/#/search?q={0}&stream={0}&from={0}",
                 "/#token=x&to={0}", "/#token={0}"]
    paths = ["/s/{0}", "/captions/{0}?color={0}&size={0}&lines={0}&background={0}"]
    with reading(browser, hostile) as reader:
        # All behind a comment's slashes is a script, too.
        quoted = "".join(f"%{byte:02x}" for byte in f"javascript:alert(1)//{' '.join(HOSTILE)}".encode())
        for address in addresses + paths:
            reader.page.goto("about:blank")
            reader.open(address.format(quoted))
            reader.wait("document.querySelector('#content').childElementCount > 0")
        # What cannot be decoded is shown as it is.
        for address in ("/#/%zz", "/#/stream/%e2%28", "/#/search?q=%", "/#token=%zz"):
            reader.page.goto("about:blank")
            reader.open(address)
            reader.wait("document.querySelector('#content').childElementCount > 0")


def test_a_token_is_asked_for_refused_and_taken(browser, guarded):
    with reading(browser, guarded) as reader:
        reader.open()
        reader.wait("document.activeElement.type === 'password'")
        reader.type("evd_nobody_knows_it_xxxxxxxxxxxxxxxxx")
        reader.press("Enter")
        reader.wait_text("does not know this token", "dialog")
        reader.wait("document.activeElement.type === 'password'")
        reader.type(owner(guarded))
        reader.press("Enter")
        reader.wait_text("hall", ".tile")
        reader.wait("document.body.dataset.connection === 'live'")
        assert not reader.page.locator("dialog").count()
        assert reader.context.cookies() == []


def test_a_token_in_a_link_is_cut_from_the_address(browser, guarded):
    with reading(browser, guarded) as reader:
        reader.open(token=owner(guarded))
        reader.wait_text("hall", ".tile")
        assert owner(guarded) not in reader.page.url
        assert reader.page.evaluate("localStorage.getItem('eavesdrop.token')") is None
        # Another tab of the same browser knows nothing of it.
        other = reader.context.new_page()
        other.goto(reader.origin)
        other.locator("input[type=password]").wait_for()


def test_a_token_that_is_revoked(browser, program, guarded):
    def verb(*arguments):
        command = [str(program), "token", *arguments, "--state-dir", str(guarded.state_dir)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    secret = verb("new", "visitor", "--scope", "read", "--stream", "hall")
    with reading(browser, guarded) as reader:
        reader.open(token=secret)
        reader.wait("document.body.dataset.connection === 'live'")
        reader.wait_text("hall", ".tile")
        # Rules are of all streams; what fired in this one may be read.
        reader.open("/#/alerts")
        reader.wait("document.querySelector('#fired-title')")
        assert not reader.page.locator("#rules-title").count()
        verb("revoke", "visitor")
        reader.wait("document.body.dataset.connection === 'refused'")
        reader.page.locator("dialog input[type=password]").wait_for()


def test_who_is_told_who_they_are(guarded, program):
    status, _, body = ask(guarded, "/api/v1/me")
    nobody = json.loads(body)
    assert status == 200 and nobody["scopes"] == [] and not nobody["is_known"]
    me = json.loads(ask(guarded, "/api/v1/me", owner(guarded))[2])
    assert me["scopes"] == ["read", "listen", "manage"] and me["streams"] is None and me["is_known"] and me["version"]
    command = [str(program), "token", "new", "guest", "--scope", "read", "--stream", "hall", "--state-dir", str(guarded.state_dir)]
    secret = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    guest = json.loads(ask(guarded, "/api/v1/me", secret)[2])
    assert guest["name"] == "guest" and guest["scopes"] == ["read"] and guest["streams"] == ["hall"]


def test_a_microphone_that_is_refused(browser, hostile):
    with reading(browser, hostile) as reader:
        reader.open("/#/microphone")
        reader.page.get_by_role("button", name="Start listening").click()
        reader.wait_text("does not give this page the microphone", "[role=alert]")
        assert not journal(hostile, "microphone")


def test_a_microphone_that_is_stopped_while_the_server_is_away(browser, program, models, tmp_path):
    state = "document.querySelector('.view-microphone')?.dataset.state"
    with processes.serving(program, models, tmp_path) as start:
        server = start("")
        with reading(browser, server, permissions=["microphone"]) as reader:
            reader.open("/#/microphone")
            for is_given_up in (False, True):
                reader.page.get_by_role("button", name="Start listening").click()
                reader.wait(f"{state} === 'live'")
                server.stop()
                reader.wait(f"{state} === 'away'")
                reader.page.get_by_role("button", name="Stop").click()
                reader.wait(f"{state} === 'unsent'")
                if is_given_up:
                    reader.page.get_by_role("button", name="Discard the rest").click()
                else:
                    server = start("", listen=server.port)
                reader.wait(f"{state} === 'off'")
            assert not reader.page.locator(".view-microphone [role=alert]:not(:empty)").count()


def test_links_to_what_was_said_keep_the_page(browser, hostile):
    # What the page does meanwhile, such as playing, ends when it is loaded anew.
    with reading(browser, hostile) as reader:
        reader.open("/#/stream/long")
        reader.wait("document.querySelector('.row-time')")
        address = reader.page.locator("a.row-time").first.get_attribute("href")
        assert address.startswith("/s/")
        reader.page.evaluate("globalThis.isKept = true")
        reader.page.locator("a.row-time").first.click()
        reader.wait("document.querySelector('.segment')")
        assert reader.page.evaluate("globalThis.isKept")
        reader.open(address)
        reader.wait("document.querySelector('.segment')")
        reader.page.evaluate("globalThis.isKept = true")
        reader.press("w")
        reader.wait("document.querySelector('.tile')")
        assert reader.page.evaluate("globalThis.isKept")


def test_two_tabs_have_the_same_settings(browser, hostile):
    with reading(browser, hostile) as reader:
        reader.open()
        other = reader.context.new_page()
        other.goto(reader.origin)
        reader.page.bring_to_front()
        reader.page.get_by_role("button", name="How the page looks").click()
        reader.page.locator("dialog select").first.select_option("dark")
        processes.wait_until(
            lambda: other.wait_for_timeout(20) or other.evaluate("document.documentElement.dataset.theme") == "dark",
            30, "the other tab is dark, too",
        )


def test_what_the_system_wants_is_followed(browser, hostile):
    glides = """(() => {
        const meter = document.querySelector('.view-stream .meter-fill');
        return meter && getComputedStyle(meter).transitionDuration !== '0s';
    })()"""
    with reading(browser, hostile, color_scheme="light", reduced_motion="no-preference") as reader:
        reader.open("/#/stream/long")
        reader.wait(glides)
        assert reader.page.evaluate("document.documentElement.dataset.theme") == "light"
        reader.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        reader.wait("document.documentElement.dataset.theme === 'dark'")
        reader.wait(f"!{glides}")


def test_a_file_that_is_no_sound(browser, hostile):
    with reading(browser, hostile) as reader:
        reader.open("/#/files")
        reader.page.locator("input[type=file]").set_input_files(
            {"name": "<b>letter</b>.txt", "mimeType": "text/plain", "buffer": b"Dear Sir or Madam, " * 100}
        )
        reader.wait_text("<b>letter</b>.txt", "h2")
        reader.wait("document.querySelector('.file [role=alert]')?.textContent.trim()")


def test_a_file_goes_on_its_way_in_other_views(browser, hostile):
    with reading(browser, hostile) as reader:
        reader.open("/#/files")
        reader.wait("document.querySelector('.drop')")
        line = reader.context.new_cdp_session(reader.page)
        line.send("Network.emulateNetworkConditions",
                  {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000})
        reader.page.locator("input[type=file]").set_input_files(
            [{"name": f"{name}.txt", "mimeType": "text/plain", "buffer": b"No sound. " * 30_000} for name in ("one", "two")]
        )
        reader.wait_text("On its way", ".file")
        reader.press("i")
        reader.wait("document.querySelector('.view-server h2')")
        reader.page.evaluate("location.hash = '#/files'")
        reader.wait_text("On its way", ".file")
        reader.wait("""[...document.querySelectorAll('.file')].filter((file) => /^(one|two)/.test(file.textContent) &&
            file.textContent.includes('Came to nothing')).length === 2""")
