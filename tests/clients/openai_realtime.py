"""The stock openai client for Python, unmodified: realtime transcription. `openai_realtime.py BASE KEY RECORDING HOW`
sends the recording at several times its pace and prints each event as a line of JSON, until all of it is text. HOW: vad, manual, mulaw, beta; and `refused`, which prints what was raised."""

import asyncio
import base64
import json
import subprocess
import sys

import openai

RATE = 24000
ODD = 4801  # bytes of an append: samples are cut


def samples(path, encoding="s16le", rate=RATE):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-f", encoding, "-ac", "1", "-ar", str(rate), "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def update_of(how):
    transcription = {"model": "whisper-1", "language": "en"}
    vad = {"type": "server_vad", "silence_duration_ms": 500}
    if how == "beta":
        return {"input_audio_format": "pcm16", "input_audio_transcription": transcription, "turn_detection": vad}
    sound = {"type": "audio/pcmu"} if how == "mulaw" else {"type": "audio/pcm", "rate": RATE}
    turns = {"format": sound, "transcription": transcription, "turn_detection": None if how == "manual" else vad}
    return {"type": "transcription", "audio": {"input": turns}}


async def speak(connection, how, path):
    content = samples(path, "mulaw", 8000) if how == "mulaw" else samples(path)
    # By hand: a second, samples cut, and all the rest, behind ten megabytes of silence, at once.
    pieces = [content[:48000], *(content[i : i + ODD] for i in range(48000, 96000, ODD))]
    sent = sum(map(len, pieces))
    if how == "manual":
        pieces += [bytes(10 << 20), content[sent:]] if sent % 2 == 0 else [content[sent:]]
    else:
        pieces = [content[i : i + ODD] for i in range(0, len(content), ODD)]
    for piece in pieces:
        await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        await asyncio.sleep(len(piece) / (8000 if how == "mulaw" else 48000) / 8 if len(piece) < 50000 else 0)
    await connection.input_audio_buffer.commit()


async def update(connection, how):
    session = connection.transcription_session if how == "beta" else connection.session
    await session.update(session=update_of(how))


async def converse(connection, how, path):
    async def say_all():
        """Behind it an update, whose answer tells that the server has taken all the sound: it answers in order."""
        await speak(connection, how, path)
        await update(connection, how)

    await update(connection, how)
    speaking = asyncio.create_task(say_all())
    committed, completed, n_updates = set(), set(), 0
    async for event in connection:
        print(json.dumps(event.to_dict()))
        if event.type == "input_audio_buffer.committed":
            committed.add(event.item_id)
        elif event.type.endswith("transcription.completed"):
            completed.add(event.item_id)
        elif event.type.endswith("session.updated"):
            n_updates += 1
        if n_updates == 2 and committed == completed:
            await speaking
            return


async def main():
    base, key, path, how = sys.argv[1:]
    client = openai.AsyncOpenAI(base_url=base, websocket_base_url=base.replace("http", "ws", 1), api_key=key, max_retries=0)
    intent = {"intent": "transcription"}
    if how == "beta":
        opening = client.beta.realtime.connect(model="gpt-4o-transcribe", extra_query=intent)
    else:
        opening = client.realtime.connect(extra_query=intent)
    try:
        async with opening as connection:
            await converse(connection, how, path)
    except Exception as error:
        if how != "refused":
            raise
        response = getattr(error, "response", None)
        print(json.dumps({"raised": type(error).__name__, "status": response.status_code, "body": response.body.decode()}))


asyncio.run(main())
