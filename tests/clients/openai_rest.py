"""The stock openai client for Python, unmodified: files to text. `openai_rest.py BASE KEY RECORDING` prints what
each call gave, as a line of JSON; an exception's class and fields where it raised one."""

import json
import sys

import openai


def tell(name, call):
    try:
        value = call()
        told = {"value": value if isinstance(value, str) else value.model_dump()}
    except openai.APIError as error:
        status = getattr(error, "status_code", None)
        told = {"raised": type(error).__name__, "status": status, "message": str(error), "param": error.param, "code": error.code}
    print(json.dumps({"call": name, **told}))


def stream(client, recording):
    deltas, last = [], None
    for event in client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording, stream=True):
        deltas += [event.delta] if event.type == "transcript.text.delta" else []
        last = event
    print(json.dumps({"call": "stream", "deltas": deltas, "type": last.type, "text": last.text}))


def broken_stream(client):
    events = client.audio.transcriptions.create(model="whisper-1", file=("nothing.wav", b"no sound at all"), stream=True)
    return str(list(events))


def main():
    base, key, path = sys.argv[1:]
    client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)
    recording = open(path, "rb")

    def transcribe(**options):
        recording.seek(0)
        return client.audio.transcriptions.create(**{"model": "whisper-1", "file": recording, **options})

    tell("json", lambda: transcribe(prompt="Kennedy.", extra_body={"vad_filter": True, "hotwords": "country"}))
    tell("text", lambda: transcribe(response_format="text"))
    tell("srt", lambda: transcribe(response_format="srt", language="en"))
    tell("vtt", lambda: transcribe(response_format="vtt"))
    tell(
        "verbose_json",
        lambda: transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"], temperature=0),
    )
    tell("diarized", lambda: transcribe(response_format="diarized_json"))
    tell("language", lambda: transcribe(language="klingonese"))
    tell("broken", lambda: transcribe(file=("nothing.mp3", b"no sound at all")))
    tell("too large", lambda: transcribe(file=("large.wav", bytes(20_000_000))))
    stranger = openai.OpenAI(base_url=base, api_key="sk-nobody", max_retries=0)
    tell("wrong key", lambda: stranger.audio.transcriptions.create(model="whisper-1", file=("a.wav", bytes(20_000_000))))
    tell("empty", lambda: transcribe(file=("empty.wav", b"")))
    recording.seek(0)
    tell("translation", lambda: client.audio.translations.create(model="whisper-1", file=recording))
    recording.seek(0)
    stream(client, recording)
    tell("broken stream", lambda: broken_stream(client))
    tell("models", lambda: client.models.list())
    tell("model", lambda: client.models.retrieve("whisper-1"))
    tell("no model", lambda: client.models.retrieve("whisper-99"))


main()
