#!/usr/bin/python3
"""A real RTSP server on loopback that plays files as cameras do.

    rtsp_server.py --mount office:aac:FILE:loop --mount kitchen:pcma+video:FILE \
                   --mount blind:video [--auth basic|digest --user NAME --password WORD] [--certificate PEM]

A mount is NAME:CODEC[:FILE[:loop][:shared]]. CODEC is aac, pcma, pcmu or opus, with "+video"
for a picture beside the sound, or "video" alone for a camera without a microphone. Every client
hears the file from its start, in real time; with "shared" all of a mount's hear the same moment
of it, encoded once. With a certificate (and its key in the same file) it speaks TLS. Prints "PORT n" when it listens; ends at SIGTERM.

Needs Debian's python3-gi and gir1.2-gst-rtsp-server-1.0, hence the system's own Python.
"""
import argparse
import signal
import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# codec: (sample rate, the elements behind raw audio)
CODECS = {
    "aac": (16000, "voaacenc bitrate=48000 ! aacparse ! rtpmp4gpay name=pay0 pt=96"),
    "pcma": (8000, "alawenc ! rtppcmapay name=pay0 pt=8"),
    "pcmu": (8000, "mulawenc ! rtppcmupay name=pay0 pt=0"),
    "opus": (48000, "opusenc ! rtpopuspay name=pay0 pt=96"),
}
VIDEO = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=120,framerate=5/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10"
    " ! rtph264pay name=pay{} pt=97 config-interval=1"
)
BUFFER_MS = 20
ROLE = "listener"


def samples_of(path, rate):
    """The whole file as mono s16 at `rate`."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", f"file:{path}", "-vn", "-ac", "1"]
    command += ["-ar", str(rate), "-f", "s16le", "pipe:1"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


class Player:
    """Feeds one client's appsrc from the file's samples, once or for ever."""

    def __init__(self, samples, rate, is_looped):
        self.samples = samples
        self.rate = rate
        self.is_looped = is_looped
        self.place = 0
        self.n_sent = 0

    def on_need_data(self, appsrc, _length):
        if self.place >= len(self.samples):
            if not self.is_looped:
                appsrc.emit("end-of-stream")
                return
            self.place = 0
        n_bytes = 2 * (self.rate * BUFFER_MS // 1000)
        chunk = self.samples[self.place : self.place + n_bytes]
        self.place += len(chunk)
        buffer = Gst.Buffer.new_wrapped(chunk)
        buffer.pts = self.n_sent * Gst.SECOND // self.rate
        buffer.duration = len(chunk) // 2 * Gst.SECOND // self.rate
        self.n_sent += len(chunk) // 2
        appsrc.emit("push-buffer", buffer)


def launch_line(codec, has_video):
    if codec is None:
        return f"( {VIDEO.format(0)} )"
    rate, encode = CODECS[codec]
    caps = f"audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate={rate}"
    line = f'appsrc name=samples format=time max-bytes=65536 caps="{caps}" ! audioconvert ! {encode}'
    if has_video:
        line += " " + VIDEO.format(1)
    return f"( {line} )"


def factory_of(mount):
    """(name, media factory) of one --mount."""
    fields = mount.split(":")
    name, kinds = fields[0], fields[1].split("+")
    codec = kinds[0] if kinds[0] != "video" else None
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch_line(codec, "video" in kinds[1:]))
    factory.set_shared("shared" in fields[3:])
    if codec is not None:
        rate = CODECS[codec][0]
        samples = samples_of(fields[2], rate)
        is_looped = "loop" in fields[3:]

        def on_media_configure(_factory, media):
            appsrc = media.get_element().get_child_by_name("samples")
            player = Player(samples, rate, is_looped)
            appsrc.connect("need-data", player.on_need_data)

        factory.connect("media-configure", on_media_configure)
    return name, factory


def auth_add(auth, factories, options):
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    if options.auth == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(options.user, options.password, token)
    else:
        basic = GstRtspServer.RTSPAuth.make_basic(options.user, options.password)
        auth.add_basic(basic, token)
    for factory in factories:
        factory.add_role_from_structure(role_of())


def role_of():
    role = Gst.Structure.new_empty(ROLE)
    role.set_value("media.factory.access", True)
    role.set_value("media.factory.construct", True)
    return role


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mount", action="append", required=True)
    parser.add_argument("--port", default="0")
    parser.add_argument("--auth", choices=["basic", "digest"])
    parser.add_argument("--user", default="camera")
    parser.add_argument("--password", default="")
    parser.add_argument("--certificate")
    options = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    named = [factory_of(mount) for mount in options.mount]
    for name, factory in named:
        server.get_mount_points().add_factory("/" + name, factory)
    if options.auth or options.certificate:
        auth = GstRtspServer.RTSPAuth()
        if options.certificate:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.certificate))
        if options.auth:
            auth_add(auth, [factory for _, factory in named], options)
        server.set_auth(auth)
    if server.attach(None) == 0:
        sys.exit(f"rtsp_server: cannot listen on 127.0.0.1:{options.port}")

    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    # Clients that went away without a word give their pipelines back after a minute.
    GLib.timeout_add_seconds(5, lambda: server.get_session_pool().cleanup() or True)
    print("PORT", server.get_bound_port(), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
