"""Run the stock WhisperLive client on a file: PORT AUDIO SRT LANGUAGE ("" detects).

Its one option beyond the defaults: no sound from the loudspeaker (mute_audio_playback), for
machines that have none.
"""

import sys

from whisper_live.client import TranscriptionClient


def main():
    port, audio, srt, language = sys.argv[1:]
    client = TranscriptionClient(
        "127.0.0.1",
        int(port),
        lang=language or None,
        model="base",
        output_transcription_path=srt,
        mute_audio_playback=True,
        log_transcription=False,
    )
    client(audio)


main()
