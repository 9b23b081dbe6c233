"""Cameras and clients talk at the same time; everybody gets their own text and no other's."""

import numpy
import processes
import speech

SECONDS = 25


def test_two_cameras_and_four_clients(serve, cameras, client, whisperlive, chapter, data, tmp_path):
    excerpts = [
        chapter(name, start, SECONDS)
        for name, start in (
            ("7312-92432", 0),
            ("7312-92432", 60),
            ("7312-92432", 120),
            ("1088-134315", 0),
            ("1088-134315", 120),
            ("1088-134315", 240),
        )
    ]
    played = []
    for name, (path, _) in zip(("office", "kitchen"), excerpts[4:]):
        # Silence follows, so that the camera does not start over while we listen.
        samples = numpy.concatenate([speech.load(path), speech.silence(120)])
        played.append(speech.save(tmp_path / f"{name}.wav", samples))
    rtsp = cameras(f"office:aac:{played[0]}", f"kitchen:pcma:{played[1]}")
    server = serve(f"streams:\n  office: {rtsp.url('office')}\n  kitchen:\n    url: {rtsp.url('kitchen')}\n")
    subscriber = client(server, role="rtsp_subscriber", streams="office, kitchen")

    clients = [whisperlive(server, path) for path, _ in excerpts[:4]]
    texts = [speech.srt_text(one.finish(timeout=120)) for one in clients]
    cameras_done = lambda name: len(speech.words(subscriber.text(stream=name)))
    for name, (_, reference) in zip(("office", "kitchen"), excerpts[4:]):
        enough = len(speech.words(reference)) * 0.9
        processes.wait_until(lambda: cameras_done(name) >= enough, 60, f"the text of {name}")
        texts.append(subscriber.text(stream=name))

    for text, (path, reference) in zip(texts, excerpts):
        rate = speech.error_rate(reference, text)
        assert rate <= 0.15, f"{path.name}: word error rate {rate:.3f}\n{text}\n{reference}"
        last = speech.words(reference)[-3:]
        heard = speech.words(text)[-6:]
        assert set(last) & set(heard), f"{path.name}: the tail is lost: {heard} for {last}"
