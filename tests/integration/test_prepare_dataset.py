"""The shipped data sets made with the real codecs, and audio and video of one's own."""

import json
import shutil
import subprocess
import sys
import wave
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from cotejo.command import ROOT
from cotejo.datasets import load_items
from cotejo.files import sha256_of_folder

pytestmark = pytest.mark.beside

CONFIG = ROOT / "config" / "datasets.yaml"


def prepare(name: str, output: Path, config: Path = CONFIG) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "prepare_dataset.py")]
    arguments = ["--datasets", str(config), "--dataset", name, "--output", str(output)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)


def made(name: str, output: Path, config: Path = CONFIG) -> Path:
    done = prepare(name, output, config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return output


def tone(path: Path, codec: str, rate_hz: int = 44_100, layout: str = "stereo", duration_s: float = 1.0) -> Path:
    """A file that holds a tone of 1 kHz."""
    instants = np.arange(int(rate_hz * duration_s)) / rate_hz
    channels = 2 if layout == "stereo" else 1
    samples = np.repeat((np.sin(2 * np.pi * 1000 * instants) * 20_000).astype(np.int16), channels).reshape(1, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate_hz, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def loudest_hz(path: Path) -> float:
    """The loudest frequency in a WAV file of the form that data sets hold."""
    with wave.open(str(path)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


def test_photos_are_real_and_named(tmp_path: Path) -> None:
    items = load_items(made("photos", tmp_path / "photos"), "images")
    assert [item["file"][6:] for item in items] == [
        "bus.jpg",
        "zidane.jpg",
        "grace_hopper.jpg",
        "china.jpg",
        "flower.jpg",
    ]
    assert all(item["licence"] != "not stated" for item in items)


def test_street_video_has_the_frames_it_says_and_no_two_neighbours_alike(tmp_path: Path) -> None:
    item = load_items(made("street-video", tmp_path / "video"), "video")[0]
    assert (item["width"], item["height"], item["frames"], item["rate_fps"]) == (1280, 720, 250, 25.0)
    assert item["duration_s"] == pytest.approx(10.0)
    with av.open(str(item["path"])) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        shown = [frame.to_ndarray(format="gray")[::16, ::16].astype(int) for frame in container.decode(stream)]
    assert len(shown) == 250
    assert min(np.abs(first - second).mean() for first, second in pairwise(shown)) > 0.2


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    photograph = {"package": "sklearn", "file": "datasets/images/china.jpg", "licence": "CC BY 2.0"}
    render = {"photographs": [photograph], "duration_s": 1, "rate_fps": 10, "width": 320, "height": 180}
    config = tmp_path / "datasets.yaml"
    config.write_text(json.dumps({"short": {"kind": "video", "source": {"render": render}}}))
    first, second = (made("short", tmp_path / name, config) for name in ("first", "second"))
    assert sha256_of_folder(first) == sha256_of_folder(second)
    assert load_items(first, "video")[0]["frames"] == 10


@pytest.mark.skipif(not Path("/usr/share/sounds/alsa").is_dir(), reason="the system package alsa-utils is missing")
def test_speech_is_recorded_and_joined(tmp_path: Path) -> None:
    items = load_items(made("speech", tmp_path / "speech"), "audio")
    assert len(items) == 2 and all(item["duration_s"] >= 5 for item in items)
    for item in items:
        with wave.open(str(item["path"])) as reader:
            assert reader.getnframes() / 16_000 == pytest.approx(item["duration_s"], abs=1e-4)
            samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
        assert np.abs(samples.astype(int)).max() > 1000


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the system package espeak-ng is missing")
def test_spoken_prose_names_its_synthesised_voice_and_is_repeatable(tmp_path: Path) -> None:
    first, second = (made("spoken-prose", tmp_path / name) for name in ("first", "second"))
    assert sha256_of_folder(first) == sha256_of_folder(second)
    items = load_items(first, "audio")
    assert all(item["source"].startswith("synthesised voice: ") for item in items)
    assert items[0]["duration_s"] < 5 < 30 < items[-1]["duration_s"]


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the system package espeak-ng is missing")
def test_unknown_voice_is_named(tmp_path: Path) -> None:
    config = tmp_path / "datasets.yaml"
    source = {"speak": "config/datasets/prose.jsonl", "voice": "xx-nowhere"}
    config.write_text(json.dumps({"mine": {"kind": "audio", "source": source}}))
    done = prepare("mine", tmp_path / "made", config)
    assert done.returncode == 1
    assert "mine.source.voice: xx-nowhere: espeak-ng can't speak it" in done.stderr


def test_without_espeak_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = prepare("spoken-prose", tmp_path / "made")
    assert done.returncode == 1
    assert "espeak-ng is not installed. Install it (Debian, Ubuntu: apt-get install espeak-ng" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "made").exists()


@pytest.mark.parametrize(("name", "codec", "layout"), [("a b.flac", "flac", "stereo"), ("ü.mp3", "libmp3lame", "mono")])
def test_recordings_of_ones_own_become_16_khz_mono(tmp_path: Path, name: str, codec: str, layout: str) -> None:
    tone(tmp_path / "in" / name, codec, layout=layout)
    config = tmp_path / "datasets.yaml"
    config.write_text(json.dumps({"mine": {"kind": "audio", "source": {"path": str(tmp_path / "in")}}}))
    items = load_items(made("mine", tmp_path / "made", config), "audio")
    assert items[0]["file"] == f"00001-{Path(name).stem}.wav"
    assert items[0]["duration_s"] == pytest.approx(1.0, abs=0.06)
    assert loudest_hz(items[0]["path"]) == pytest.approx(1000, abs=2)


def test_film_of_ones_own_is_copied_and_described(tmp_path: Path) -> None:
    film = tmp_path / "my film.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(15):
            pixels = np.full((48, 64, 3), shade * 10, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    config = tmp_path / "datasets.yaml"
    config.write_text(json.dumps({"mine": {"kind": "video", "source": {"path": str(film)}}}))
    item = load_items(made("mine", tmp_path / "made", config), "video")[0]
    assert (item["width"], item["height"], item["frames"], item["rate_fps"]) == (64, 48, 15, 30.0)
    assert item["path"].read_bytes() == film.read_bytes()
