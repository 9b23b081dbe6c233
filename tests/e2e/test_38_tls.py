"""The port speaks TLS: with certificates of one's own, that are renewed while it runs."""

import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import stat
import subprocess
import urllib.request

import processes
import pytest
import speech
from eavesdrop_client import EavesdropClient
from test_36_forget import UnixConnection, socket_of
from test_36_forget import ask as api
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


def make_certificate(program, state_dir, *names):
    """Run `eavesdrop certificate new NAME...`; the folder that it is in."""
    command = [str(program), "certificate", "new", *names, "--state-dir", str(state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return state_dir / "certificates", done.stdout


def trusting(folder):
    """A client's TLS that trusts this authority and nobody else."""
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    context.set_alpn_protocols(["http/1.1"])
    return context


def serial_of(connection):
    return connection.getpeercert()["serialNumber"]


def file_serial(folder):
    command = ["openssl", "x509", "-in", str(folder / "server.pem"), "-noout", "-serial"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split("=")[1]


@pytest.fixture(scope="module")
def folder(program, tmp_path_factory):
    return make_certificate(program, tmp_path_factory.mktemp("state"), "localhost", "127.0.0.1", "cam.example")[0]


@pytest.fixture(scope="module")
def server(program, models, folder, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("tls")) as start:
        yield start(
            f"tls: {{certificate: '{folder}/server.pem',\n      key: '{folder}/server.key'}}\n", tls=trusting(folder)
        )


@contextlib.contextmanager
def connected(server, tls):
    with socket.create_connection(("127.0.0.1", server.port), 20) as plain:
        with tls.wrap_socket(plain, server_hostname="localhost") as wrapped:
            yield wrapped


def ask(connection, host="localhost", path="/healthz"):
    """The status of a request on a connection that is kept."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def hang_up(server, pattern):
    """Send SIGHUP, and wait for what the log says of the certificate."""
    after = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    return server.wait_log(pattern, after=after)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_programs_ask_encrypted(server, folder, version):
    tls = trusting(folder)
    tls.minimum_version = tls.maximum_version = version
    with connected(server, tls) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert [ask(connection) for _ in range(3)] == [200, 200, 200]


def test_curl_trusts_the_authority_and_nobody_else_does(server, folder):
    address = f"localhost:{server.port}/healthz"
    trusted = subprocess.run(
        ["curl", "-sS", "--cacert", str(folder / "authority.pem"), f"https://{address}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (trusted.returncode, trusted.stdout) == (0, "ok\n"), trusted.stderr
    strange = subprocess.run(["curl", "-sS", f"https://{address}"], capture_output=True, timeout=60, check=False)
    assert strange.returncode == 60  # the authority is unknown
    plain = subprocess.run(
        ["curl", "-sS", "-w", "%{http_code} %{content_type}", f"http://{address}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "https://" in plain.stdout and "400 text/plain" in plain.stdout, plain.stdout + plain.stderr


def test_a_phone_fetches_the_authority(server, folder):
    """What is to be trusted is told to everybody, and is the authority's certificate and nothing else."""
    me = json.loads(server.http("/api/v1/me")[1])
    address = f"https://localhost:{server.port}{me['authority']}"
    with urllib.request.urlopen(address, timeout=20, context=trusting(folder)) as answer:
        assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
        told = answer.read()
    assert told == ssl.PEM_cert_to_DER_cert((folder / "authority.pem").read_text())


def test_a_client_is_heard_encrypted(server, folder, jfk):
    with contextlib.closing(EavesdropClient(server.port, role="transcriber", tls=trusting(folder))) as client:
        assert client.setup()["type"] == "server_ready"
        client.record()
        client.send_sound(speech.load(jfk[0]), speed=8)
        client.flush()
        client.wait_text("ask what you can do for your country", timeout=120)


def test_pages_must_come_encrypted_too(server, folder):
    def upgrade(origin, host):
        with connect(
            f"wss://localhost:{server.port}/",
            ssl=trusting(folder),
            origin=origin,
            server_hostname="localhost",
            additional_headers={"X-Client-Type": "transcriber"},
        ):
            return 101

    here = f"localhost:{server.port}"
    assert upgrade(f"https://{here}", here) == 101
    with pytest.raises(InvalidStatus) as refused:
        upgrade(f"http://{here}", here)
    assert refused.value.response.status_code == 403
    with connected(server, trusting(folder)) as connection:
        assert ask(connection, "cam.example", "/") == 200  # the certificate's name
    with connected(server, trusting(folder)) as connection:
        assert ask(connection, "evil.example", "/") == 403


def test_the_unix_socket_stays_plain(server):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
        plain.settimeout(20)
        plain.connect(str(server.state_dir / "eavesdrop.sock"))
        assert ask(plain) == 200


def test_the_end_of_the_certificate_is_a_metric(server, folder):
    with connected(server, trusting(folder)) as connection:
        ends = ssl.cert_time_to_seconds(connection.getpeercert()["notAfter"])
    found = re.search(
        r"^eavesdrop_tls_certificate_expiry_timestamp_seconds (\S+)$", server.http("/metrics")[1], re.MULTILINE
    )
    assert float(found.group(1)) == ends


def test_a_renewed_certificate_is_for_new_connections(server, program, folder):
    tls = trusting(folder)
    with connected(server, tls) as before:
        first = serial_of(before)
        assert int(first, 16) == int(file_serial(folder), 16)
        make_certificate(program, folder.parent, "localhost", "127.0.0.1", "cam.example")
        hang_up(server, "new connections get the certificate")
        second = file_serial(folder)
        assert int(second, 16) != int(first, 16)
        with connected(server, tls) as after:
            assert int(serial_of(after), 16) == int(second, 16)
            assert (ask(after), ask(before)) == (200, 200)

        # A broken one changes nothing, and the log says why.
        good = (folder / "server.pem").read_bytes()
        for text, words in ((b"nonsense", "no certificate in PEM"), (None, "cannot read the certificate")):
            if text is None:
                (folder / "server.pem").unlink()
            else:
                (folder / "server.pem").write_bytes(text)
            assert words in hang_up(server, r".*\[certificate-refused\]").group(0)
            status, _, told = api(UnixConnection(socket_of(server)), "POST", "/api/v1/reload")
            assert status == 200 and [words in warning for warning in told["warnings"]] == [True], told
            with connected(server, tls) as after:
                assert int(serial_of(after), 16) == int(second, 16)
        (folder / "server.pem").write_bytes(good)
        hang_up(server, "new connections get the certificate")
        assert ask(before) == 200


def test_encryption_that_a_reload_ends_is_ended_for_new_connections(program, models, folder, tmp_path):
    with processes.serving(program, models, tmp_path) as start:
        tls = trusting(folder)
        server = start(f"tls: {{certificate: '{folder}/server.pem', key: '{folder}/server.key'}}\n", tls=tls)
        with connected(server, tls) as before, connected(server, tls) as fresh:
            assert ask(before) == 200
            config = server.log_path.with_name(f"config-{server.port}.yaml")
            config.write_text(re.sub("^tls:.*$", "", config.read_text(), flags=re.MULTILINE))
            hang_up(server, r".*\[encryption-ended\]")
            # Those that were opened before go on, the one that has yet to ask for anything among them.
            assert (ask(before), ask(fresh)) == (200, 200)
        with socket.create_connection(("127.0.0.1", server.port), 20) as plain:
            assert ask(plain) == 200


def test_what_does_not_fit_is_told_before_the_start(program, folder, models, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        "listen: 127.0.0.1:0\nmodel: base\n"
        f"tls: {{certificate: '{folder}/server.pem', key: '{folder}/authority.key'}}\n",
        encoding="utf-8",
    )
    for verb, code in ((["check"], 2), (["serve", "--model-dir", str(models)], 1)):
        done = subprocess.run(
            [str(program), *verb, "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"EAVESDROP_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == code and "does not fit the certificate" in done.stderr, done.stderr


def test_certificates_of_ones_own(program, tmp_path):
    folder, words = make_certificate(program, tmp_path / "state")
    assert "localhost" in words and socket.gethostname().split(".")[0].lower() in words.lower()
    for name in ("authority.key", "server.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert f'tls: {{certificate: "{folder}/server.pem",\n      key: "{folder}/server.key"}}' in words
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", str(folder / "authority.pem"), str(folder / "server.pem")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    authority = (folder / "authority.pem").read_bytes()
    make_certificate(program, tmp_path / "state", "garage.local", "fd00::7")
    assert (folder / "authority.pem").read_bytes() == authority
    wrong = subprocess.run(
        [str(program), "certificate", "new", "a b", "--state-dir", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2 and "no name of a host" in wrong.stderr
