"""The stock Wyoming library: asks a server what it is, then says utterances, each on a connection
of its own and all at once. Prints what it was told as lines of JSON.

    wyoming_client.py PORT RATE:WIDTH:CHANNELS:FILE...    (files of PCM in that shape)
"""

import asyncio
import json
import sys

from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.ping import Ping

PIECE = 0.1  # seconds of a chunk


def tell(name, event):
    print(json.dumps({"utterance": name, "type": event.type, "data": event.data}), flush=True)


async def describe(port):
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Describe().event())
        event = await asyncio.wait_for(client.read_event(), 5)
        assert Info.from_event(event).asr[0].models[0].languages, "a program with a model and languages"
        tell("describe", event)
        await client.write_event(Ping(text="there?").event())
        tell("ping", await asyncio.wait_for(client.read_event(), 5))


async def say(port, number, shape):
    rate, width, channels, path = shape.split(":", 3)
    rate, width, channels = int(rate), int(width), int(channels)
    step = int(rate * PIECE) * width * channels
    with open(path, "rb") as file:
        sound = file.read()
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(rate=rate, width=width, channels=channels).event())
        for at in range(0, len(sound), step):
            chunk = AudioChunk(rate=rate, width=width, channels=channels, audio=sound[at : at + step])
            await client.write_event(chunk.event())
        await client.write_event(AudioStop().event())
        while event := await client.read_event():
            tell(number, event)
            if event.type in ("transcript-stop", "error"):
                return


async def main():
    port = int(sys.argv[1])
    await describe(port)
    await asyncio.gather(*(say(port, number, shape) for number, shape in enumerate(sys.argv[2:])))


asyncio.run(main())
