"""A plain client of each dialect, which plays sound at the pace at which it is spoken, or hands a file over, and keeps
what it was told and when. Written from docs/clients, not with the stock clients, which tests/e2e drives: what is
measured must be the server's, and twenty of them share the machine with it.
"""

import asyncio
import base64
import http.client
import json
import subprocess
import time
import uuid

import speech
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

FRAME = 0.1  # s of sound in a message
PATIENCE = 60  # s that what is owed at the end is waited for
LANGUAGE = "en"


class Take:
    """What a client was told."""

    def __init__(self):
        self.begin = None  # when its first sample was sent (time.monotonic)
        self.finals = []  # (when it came, text)
        self.words = []  # (word, start, end), in seconds of the sound
        self.trouble = None  # what was not as it should be, in words
        self.answered = []  # s of each request that was answered

    @property
    def text(self):
        return " ".join(text for _, text in self.finals)

    def final(self, text, words=()):
        if text.strip():
            self.finals.append((time.monotonic(), text.strip()))
        self.words += words


class Place:
    """Where the server listens."""

    def __init__(self, port, vosk=None, wyoming=None, audiosocket=None):
        self.port, self.vosk, self.wyoming, self.audiosocket = port, vosk, wyoming, audiosocket

    def open(self, path="/", port=None, **options):
        return connect(f"ws://127.0.0.1:{port or self.port}{path}", max_size=None, open_timeout=30, ping_interval=None,
                       compression=None, proxy=None, **options)


def coded(samples, *arguments):
    """The samples as ffmpeg encodes them."""
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(speech.RATE), "-ac", "1", "-i", "pipe:0", *arguments, "pipe:1"]
    return subprocess.run(command, check=True, input=samples.astype("<f4").tobytes(), capture_output=True).stdout


def s16(samples):
    return (samples.clip(-1, 1) * 32767).astype("<i2").tobytes()


async def paced(take, content, per_second, frame=FRAME):
    """Pieces of the content when it is time for each."""
    n = int(per_second * frame)
    take.begin = take.begin or time.monotonic()
    begin = time.monotonic()
    for place in range(0, len(content), n):
        yield content[place : place + n]
        wait = begin + (place + n) / per_second - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)


async def collect(socket, take, hear):
    """hear(message) of each message that is JSON until the connection ends, or it returns True."""
    try:
        async for text in socket:
            if isinstance(text, str) and hear(json.loads(text)):
                return
    except ConnectionClosed:
        pass
    if socket.close_code not in (1000, None):
        take.trouble = f"closed with {socket.close_code} {socket.close_reason}"


async def until_heard(hearing, take):
    try:
        await asyncio.wait_for(hearing, PATIENCE)
    except asyncio.TimeoutError:
        take.trouble = f"no end within {PATIENCE} s"


# --- live ------------------------------------------------------------------------------------


async def whisperlive(place, samples, take, name):
    seen, is_ready = {}, asyncio.Event()

    def hear(message):
        if message.get("message") == "SERVER_READY":
            is_ready.set()
        for segment in message.get("segments", ()):
            if segment.get("completed") and segment["start"] not in seen:
                seen[segment["start"]] = segment
                take.final(segment["text"])
        return message.get("message") == "DISCONNECT"

    async with place.open() as socket:
        hello = {"uid": name, "language": LANGUAGE, "task": "transcribe", "model": "base", "use_vad": True}
        await socket.send(json.dumps(hello))
        hearing = asyncio.create_task(collect(socket, take, hear))
        await asyncio.wait_for(is_ready.wait(), PATIENCE)
        async for frame in paced(take, samples.astype("<f4").tobytes(), 4 * speech.RATE):
            await socket.send(frame)
        await socket.send(b"END_OF_AUDIO")
        await until_heard(hearing, take)


async def realtime(place, samples, take, _):
    """OpenAI's, in its present form. There is no end of a stream: the last turn is committed, and its text waited for."""
    committed, completed = set(), set()
    is_over = asyncio.Event()

    def hear(message):
        kind = message["type"]
        if kind == "input_audio_buffer.committed":
            committed.add(message["item_id"])
        elif kind == "conversation.item.input_audio_transcription.completed":
            completed.add(message["item_id"])
            take.final(message["transcript"])
        elif kind == "conversation.item.input_audio_transcription.failed" or (
            kind == "error" and message["error"].get("code") != "input_audio_buffer_commit_empty"
        ):
            take.trouble = json.dumps(message)
        return is_over.is_set() and committed == completed

    headers = {"Authorization": "Bearer x"}
    async with place.open("/v1/realtime?intent=transcription", additional_headers=headers) as socket:
        hearing = asyncio.create_task(collect(socket, take, hear))
        form = {"type": "audio/pcm", "rate": speech.RATE}
        input_ = {"format": form, "transcription": {"model": "whisper-1", "language": LANGUAGE},
                  "turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "transcription", "audio": {"input": input_}}}))
        async for frame in paced(take, s16(samples), 2 * speech.RATE):
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()}))
        await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
        deadline = time.monotonic() + PATIENCE
        quiet = 0
        # All items that were committed have their text, and none comes any more.
        while quiet < 20 and time.monotonic() < deadline and not hearing.done():
            quiet = quiet + 1 if committed == completed else 0
            await asyncio.sleep(0.1)
        if committed != completed:
            take.trouble = f"{len(committed - completed)} items without a text"
        hearing.cancel()


async def deepgram(place, samples, take, _):
    told = {"until": 0.0, "metadata": None}

    def hear(message):
        if message["type"] == "Metadata":
            told["metadata"] = message
        elif message["type"] == "Results" and message["is_final"]:
            one = message["channel"]["alternatives"][0]
            if abs(message["start"] - told["until"]) > 0.02:
                take.trouble = f"results that do not tile: {told['until']:.2f}, then {message['start']:.2f} s"
            told["until"] = message["start"] + message["duration"]
            take.final(one["transcript"], [(word["word"], word["start"], word["end"]) for word in one["words"]])

    path = f"/v1/listen?model=nova-3&language={LANGUAGE}&encoding=linear16&sample_rate={speech.RATE}&interim_results=true"
    async with place.open(path, additional_headers={"Authorization": "Token x"}) as socket:
        hearing = asyncio.create_task(collect(socket, take, hear))
        async for frame in paced(take, s16(samples), 2 * speech.RATE):
            await socket.send(frame)
        await socket.send(json.dumps({"type": "CloseStream"}))
        await until_heard(hearing, take)
        if not told["metadata"] or socket.close_code != 1000:
            take.trouble = take.trouble or f"ended without Metadata, or with {socket.close_code}"


async def vosk(place, samples, take, _):
    def hear(text):
        message = json.loads(text)
        if "partial" not in message:
            take.final(message["text"], [(word["word"], word["start"], word["end"]) for word in message.get("result", ())])

    async with place.open(port=place.vosk) as socket:
        await socket.send(json.dumps({"config": {"sample_rate": speech.RATE, "words": True}}))
        # One message for each, and nothing unasked.
        async for frame in paced(take, s16(samples), 2 * speech.RATE):
            await socket.send(frame)
            hear(await socket.recv())
        await socket.send('{"eof" : 1}')
        hear(await asyncio.wait_for(socket.recv(), PATIENCE))


async def assemblyai(place, samples, take, _):
    is_over = []

    def hear(message):
        if message["type"] == "Turn" and message["end_of_turn"]:
            words = [(word["text"], word["start"] / 1000, word["end"] / 1000) for word in message["words"]]
            take.final(message["transcript"], words)
        elif message["type"] == "Error":
            take.trouble = message["error"]
        elif message["type"] == "Termination":
            is_over.append(message)

    path = f"/v3/ws?sample_rate={speech.RATE}&encoding=pcm_s16le&language={LANGUAGE}"
    async with place.open(path, additional_headers={"Authorization": "x"}) as socket:
        hearing = asyncio.create_task(collect(socket, take, hear))
        async for frame in paced(take, s16(samples), 2 * speech.RATE):
            await socket.send(frame)
        await socket.send(json.dumps({"type": "Terminate"}))
        await until_heard(hearing, take)
        if not is_over:
            take.trouble = take.trouble or "ended without Termination"


async def wyoming_event(writer, kind, data=None, payload=b""):
    head = {"type": kind, "data": data or {}, **({"payload_length": len(payload)} if payload else {})}
    writer.write(json.dumps(head).encode() + b"\n" + payload)
    await writer.drain()


async def wyoming(place, samples, take, _):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.wyoming, limit=1 << 20)
    form = {"rate": speech.RATE, "width": 2, "channels": 1}
    try:
        await wyoming_event(writer, "transcribe", {"language": LANGUAGE})
        await wyoming_event(writer, "audio-start", form)
        async for frame in paced(take, s16(samples), 2 * speech.RATE):
            await wyoming_event(writer, "audio-chunk", form, frame)
        await wyoming_event(writer, "audio-stop")
        while True:
            head = json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))
            data = head.get("data") or {}
            if head.get("data_length"):
                data |= json.loads(await reader.readexactly(head["data_length"]))
            if head.get("payload_length"):
                await reader.readexactly(head["payload_length"])
            if head["type"] == "error":
                take.trouble = data["text"]
            if head["type"] in ("transcript", "error"):
                take.final(data["text"] if head["type"] == "transcript" else "")
                return
    finally:
        writer.close()


async def follow(place, name, take):
    """Segments of the stream as they come, of those who are not told what they said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port, limit=1 << 22)
    writer.write(f"GET /api/v1/events?kind=segment&stream={name} HTTP/1.1\r\nHost: 127.0.0.1:{place.port}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"data: "):
                data = json.loads(line[6:])
                if data["kind"] == "segment":
                    take.final(data["text"])
    finally:
        writer.close()


async def telephoned(place, name, take, call):
    """A call's text, by the API: what is owed has come when its stream is no more."""
    following = asyncio.create_task(follow(place, name, take))
    await call
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        listed = await asyncio.to_thread(ask, place, "/api/v1/streams")
        if name not in [stream["name"] for stream in listed["streams"]]:
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)  # in which the events come
    following.cancel()


async def twilio(place, samples, take, name):
    sound = coded(samples, "-ar", "8000", "-f", "mulaw")

    async def call():
        async with place.open("/v1/twilio") as socket:
            number, sid = 1, "MZ" + uuid.uuid4().hex

            async def say(event, **members):
                nonlocal number
                await socket.send(json.dumps({"event": event, "sequenceNumber": str(number), "streamSid": sid, **members}))
                number += 1

            await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
            await say("start", start={
                "streamSid": sid, "accountSid": "AC" + uuid.uuid4().hex, "callSid": "CA" + uuid.uuid4().hex,
                "tracks": ["inbound"], "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"name": name, "language": LANGUAGE},
            })
            chunk = 0
            async for frame in paced(take, sound, 8000, 0.02):
                chunk += 1
                payload = base64.b64encode(frame).decode()
                await say("media", media={"track": "inbound", "chunk": str(chunk), "timestamp": str(20 * chunk), "payload": payload})
            await say("stop", stop={"accountSid": "AC0", "callSid": "CA0"})
            try:
                await asyncio.wait_for(socket.wait_closed(), PATIENCE)
            except asyncio.TimeoutError:
                take.trouble = "the call was not ended by the server"

    # One track alone has the call's name.
    await telephoned(place, name, take, call())


async def audiosocket(place, samples, take, name):
    """`name` is the call's UUID."""
    sound = coded(samples, "-ar", "8000", "-f", "s16le")

    async def call():
        reader, writer = await asyncio.open_connection("127.0.0.1", place.audiosocket)

        def frame(kind, payload=b""):
            return bytes([kind]) + len(payload).to_bytes(2, "big") + payload

        writer.write(frame(0x01, uuid.UUID(name).bytes))
        async for piece in paced(take, sound, 16000, 0.02):
            writer.write(frame(0x10, piece))
            await writer.drain()
        writer.write(frame(0x00))
        try:
            await asyncio.wait_for(reader.read(), PATIENCE)
        except asyncio.TimeoutError:
            take.trouble = "the call was not ended by the server"
        writer.close()

    await telephoned(place, name, take, call())


# --- files -----------------------------------------------------------------------------------


def form(fields, file):
    """(body, content type) of a form; the file comes last."""
    edge = "----edge7f3a"
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="talk.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    return b"".join(parts) + head.encode() + file + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def ask(place, path):
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=600)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def post(place, path, body, kind, hear=None, key="x"):
    """The answer, JSON read; with `hear`, each event of it as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=600)
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request("POST", path, body, {"Content-Type": kind, **headers})
        answer = connection.getresponse()
        if hear and answer.status == 200:
            for line in answer:
                if line.startswith(b"data: {"):
                    hear(json.loads(line[6:]))
            return None
        content = answer.read()
        assert answer.status in (200, 202), f"{path}: {answer.status} {content[:500]}"
        return json.loads(content)
    finally:
        connection.close()


def api(place, file, take):
    take.begin = time.monotonic()
    answer = post(place, f"/api/v1/transcriptions?wait=120&language={LANGUAGE}", file, "audio/wav", key=None)
    while answer["state"] in ("waiting", "running"):
        time.sleep(0.5)
        answer = ask(place, f"/api/v1/transcriptions/{answer['id']}")
    assert answer["state"] == "done", answer
    take.final(" ".join(segment["text"] for segment in answer["result"]["segments"]))


def openai(place, file, take):
    take.begin = time.monotonic()
    fields = [("model", "whisper-1"), ("language", LANGUAGE), ("response_format", "verbose_json"),
              ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")]
    answer = post(place, "/v1/audio/transcriptions", *form(fields, file))
    take.final(answer["text"], [(word["word"], word["start"], word["end"]) for word in answer["words"]])


def openai_stream(place, file, take):
    """Its finals are the deltas."""
    told = []

    def hear(message):
        if message["type"] == "transcript.text.delta":
            take.final(message["delta"])
        elif message["type"] == "transcript.text.done":
            told.append(message["text"])
        else:
            take.trouble = json.dumps(message)

    take.begin = time.monotonic()
    post(place, "/v1/audio/transcriptions", *form([("model", "whisper-1"), ("language", LANGUAGE), ("stream", "true")], file), hear)
    if not told or speech.words(told[0]) != speech.words(take.text):
        take.trouble = "the deltas are not the text" if told else "the text has no end"


def inference(place, file, take):
    take.begin = time.monotonic()
    take.final(post(place, "/inference", *form([("language", LANGUAGE), ("response_format", "json")], file))["text"])


def deepgram_file(place, file, take):
    take.begin = time.monotonic()
    answer = post(place, f"/v1/listen?model=nova-3&language={LANGUAGE}", file, "application/octet-stream")
    one = answer["results"]["channels"][0]["alternatives"][0]
    take.final(one["transcript"], [(word["word"], word["start"], word["end"]) for word in one["words"]])


LIVE = {"WhisperLive": whisperlive, "OpenAI Realtime": realtime, "Deepgram": deepgram, "Vosk": vosk, "Wyoming": wyoming,
        "AssemblyAI": assemblyai, "Twilio": twilio, "AudioSocket": audiosocket}
TELEPHONES = ("Twilio", "AudioSocket")  # at 8 kHz
FILES = {"/api/v1/transcriptions": api, "OpenAI": openai, "OpenAI stream": openai_stream, "whisper.cpp": inference,
         "Deepgram file": deepgram_file}
