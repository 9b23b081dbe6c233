"""Vosk's own command line client (vosk.transcriber), unmodified: what it makes of a server's answers
to a file of s16 PCM at 16 kHz, of which it sends 4000 bytes and waits for the answer, in turns.
Prints each answer that it kept, then the subtitles that it makes of them, as lines of JSON.

    vosk_client.py PORT FILE
"""

import asyncio
import json
import sys
from types import SimpleNamespace

from vosk.transcriber.transcriber import Transcriber


async def main():
    port, path = sys.argv[1:]
    client = Transcriber.__new__(Transcriber)  # its constructor fetches a model of Vosk's
    client.args = SimpleNamespace(server=f"ws://127.0.0.1:{port}", output_type="srt")
    reading = await asyncio.create_subprocess_exec("cat", path, stdout=asyncio.subprocess.PIPE)
    result, frames = await client.recognize_stream_server(reading)
    await reading.wait()
    for part in result:
        print(json.dumps(part), flush=True)
    print(json.dumps({"srt": client.format_result(result), "frames": frames}), flush=True)


asyncio.run(main())
