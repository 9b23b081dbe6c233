"""The stock assemblyai client for Python, unmodified: streaming. `assemblyai_v3.py ADDRESS KEY RECORDING [NAME=VALUE...]`
sends the recording, forces an endpoint in its middle, and prints each event as a line of JSON."""

import json
import subprocess
import sys
import time

from assemblyai.streaming.v3 import (
    RealTimeEvents,
    RealTimeParameters,
    RealTimeTranscriber,
    RealTimeTranscriberOptions,
)

RATE = 16000


def samples(path, encoding, rate):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-f", encoding, "-ac", "1", "-ar", str(rate), "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def main():
    address, key, path, *wishes = sys.argv[1:]
    options = {"sample_rate": RATE, "format_turns": True, **{n: json.loads(v) for n, v in (w.split("=", 1) for w in wishes)}}
    is_mulaw = options.get("encoding") == "pcm_mulaw"
    content = samples(path, "mulaw" if is_mulaw else "s16le", options["sample_rate"])
    client = RealTimeTranscriber(RealTimeTranscriberOptions(api_key=key, api_host=address, terminate_timeout=60))
    failures = []

    def tell(_, event):
        print(event.model_dump_json(), flush=True)

    def fail(_, error):
        failures.append(error)
        print(json.dumps({"type": "raised", "code": error.code, "message": str(error)}), flush=True)

    for kind in (RealTimeEvents.Begin, RealTimeEvents.Turn, RealTimeEvents.SpeechStarted, RealTimeEvents.Termination):
        client.on(kind, tell)
    client.on(RealTimeEvents.Error, fail)
    client.connect(RealTimeParameters(**options))
    if failures:
        return
    n = options["sample_rate"] * (1 if is_mulaw else 2) // 10 + 1  # samples are cut
    for i in range(0, len(content), n):
        client.stream(content[i : i + n])
        time.sleep(0.03)
        if i // n == 40:
            client.keep_alive()
            client.force_endpoint()
    client.disconnect(terminate=True)


main()
