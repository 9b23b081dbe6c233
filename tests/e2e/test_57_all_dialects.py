"""One recording through every dialect at the same time: each has its own text, and all of it; bench/dialects.py at length."""

import asyncio
import statistics
import uuid

import dialect_clients as clients
import jiwer
import numpy
import processes
import pytest
import speech


@pytest.fixture(scope="module")
def place(program, models, tmp_path_factory):
    ports = {name: processes.free_port() for name in ("vosk", "wyoming", "audiosocket")}
    listeners = ", ".join(f"{name}: '127.0.0.1:{port}'" for name, port in ports.items())
    with processes.serving(program, models, tmp_path_factory.mktemp("dialects")) as start:
        yield clients.Place(start(f"listeners: {{{listeners}}}\n").port, **ports)


async def play(place, samples, file):
    """{dialect: what its client was told} of all, live ones and files."""
    takes = {name: clients.Take() for name in (*clients.LIVE, *clients.FILES)}
    live = [client(place, samples, takes[name], str(uuid.uuid4())) for name, client in clients.LIVE.items()]
    files = [asyncio.to_thread(client, place, file, takes[name]) for name, client in clients.FILES.items()]
    await asyncio.gather(*live, *files)
    return takes


def distances(one, other):
    """Seconds between the starts of the words that both have."""
    plain = [["".join(speech.words(word)) or "-" for word, _, _ in words] for words in (one, other)]
    for chunk in jiwer.process_words(" ".join(plain[0]), " ".join(plain[1])).alignments[0]:
        if chunk.type == "equal":
            for i in range(chunk.ref_end_idx - chunk.ref_start_idx):
                yield abs(one[chunk.ref_start_idx + i][1] - other[chunk.hyp_start_idx + i][1])


def test_all_dialects_hear_the_same(place, jfk, tmp_path):
    samples = numpy.concatenate([speech.load(jfk[0]), speech.silence(1)])
    file = speech.save(tmp_path / "talk.wav", samples).read_bytes()
    takes = asyncio.run(play(place, samples, file))
    assert not {name: take.trouble for name, take in takes.items() if take.trouble}
    wrong = {name: take.text for name, take in takes.items() if speech.error_rate(jfk[1], take.text) > 0.25}
    assert not wrong
    timed = {name: take.words for name, take in takes.items() if take.words}
    assert {"Deepgram", "Vosk", "AssemblyAI", "OpenAI", "Deepgram file"} <= set(timed)
    for name, words in timed.items():
        apart = list(distances(timed["Deepgram"], words))
        assert len(apart) > 15 and statistics.median(apart) <= 0.1, name
