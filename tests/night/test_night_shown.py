"""The page of the night in a real browser: its charts can be seen, and it asks nobody for anything."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import night_samples
import pytest
from PIL import Image
from services.chromium import Chromium

from pipeline.adapters.night import files
from pipeline.adapters.night.page import Beside, render
from pipeline.adapters.night.words import Words

# colours of the light style, and about how many pixels of each the charts of the sample night have at least
CHARTS = {
    "#1b6e83": 30_000, "#2f7d4f": 5_000, "#b4413a": 8_000, "#d9921e": 5_000, "#6b5b95": 5_000, "#cfe3e8": 4_000,
    "#93c0cb": 1_000, "#e9eef1": 20_000,
}  # fmt: skip


class Listener:
    """A server on loopback that counts who calls."""

    def __init__(self) -> None:
        called = self.called = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                called.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def pixels(picture: Image.Image, colour: str) -> int:
    wanted = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return {value: count for count, value in picture.getcolors(1 << 24) or ()}.get(wanted, 0)


def test_the_charts_are_seen_and_nothing_is_asked_of_the_network(chromium: Chromium, tmp_path: Path) -> None:
    page = files.write(night_samples.night(), tmp_path, "fr").page
    shown = chromium.show(page, height=4_700)
    assert shown.asked == frozenset()
    seen = {colour: pixels(shown.picture, colour) for colour in CHARTS}
    assert {colour: count for colour, count in seen.items() if count < CHARTS[colour]} == {}


@pytest.mark.slow
def test_its_policy_stops_what_somebody_would_slip_into_it(
    chromium: Chromium, tmp_path: Path, listener: Listener
) -> None:
    slipped = (
        f'<img src="{listener.url}/img"><link rel="stylesheet" href="{listener.url}/css">'
        f'<script>new Image().src = "{listener.url}/script"</script><iframe src="{listener.url}/frame"></iframe>'
        f'<style>body {{ background: url("{listener.url}/background") }}</style>'
    ).encode()
    plain = tmp_path / "plain.html"
    plain.write_bytes(b"<!DOCTYPE html><title>x</title><body>" + slipped)
    assert {f"{listener.url}/img", f"{listener.url}/script"} <= chromium.show(plain, height=300).asked
    assert {"/img", "/css", "/script", "/frame"} <= set(listener.called)  # the browser asks where nothing forbids it
    listener.called.clear()
    ours = tmp_path / "ours.html"
    rendered = render(night_samples.quiet_night(), Words(), Beside("a.xlsx", "a.csv"))
    ours.write_bytes(rendered.replace(b"<main>", b"<main>" + slipped, 1))
    chromium.show(ours, height=300)
    assert listener.called == []
