"""Sound as speech models hear it: 16 kHz, one channel, 16 bits. Recordings, or prose read aloud by espeak-ng."""

import shutil
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import Any

from cotejo.datasets.sources import NOT_STATED, describe, item_name, media_files, read_texts
from cotejo.errors import CotejoError

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma")
RATE_HZ = 16_000
BYTES_PER_SAMPLE = 2


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Write the clips into the folder as WAV files. CotejoError names the file that can't be decoded."""
    recordings = _spoken(entry, place) if "speak" in entry["source"] else _recorded(entry, place)
    clips = joined(recordings, entry["source"].get("clip_s", 0))
    return [_written(clip, index, entry.get("licence", NOT_STATED), folder) for index, clip in enumerate(clips)]


def _recorded(entry: dict[str, Any], place: str) -> list[tuple[str, str, bytes]]:
    files = media_files(entry, f"{place}.path", SUFFIXES)
    return [(file.stem, origin, samples_of(file, f"{place}.path: {origin}")) for file, origin in files]


def _spoken(entry: dict[str, Any], place: str) -> list[tuple[str, str, bytes]]:
    path, voice = entry["source"]["speak"], entry["source"].get("voice", "en-us")
    program = shutil.which("espeak-ng")
    if program is None:
        raise CotejoError(
            f"{place}.speak: espeak-ng is not installed. Install it (Debian, Ubuntu: apt-get install espeak-ng; "
            "conda-forge has it too), or have the study use the data set 'speech' or audio of your own"
        )
    texts = read_texts(path, f"{place}.speak")[: entry.get("limit")]
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split("  ")[0]
    with tempfile.TemporaryDirectory() as scratch:
        spoken = Path(scratch) / "spoken.wav"
        recordings = []
        for line, text in texts:
            command = [program, "-v", voice, "-w", str(spoken), "--stdin"]
            answer = subprocess.run(command, input=text, capture_output=True, text=True)
            if answer.returncode != 0:
                said = " ".join(answer.stderr.split())
                raise CotejoError(
                    f"{place}.voice: {voice}: espeak-ng can't speak it: {said}. `espeak-ng --voices` lists what it can"
                )
            origin = f"synthesised voice: {version.strip()}, voice {voice}, reading {path}, line {line}"
            recordings.append((f"line-{line:02}", origin, samples_of(spoken, f"{place}.speak: line {line}")))
    return recordings


def samples_of(file: Path, place: str) -> bytes:
    """The first audio stream of a file at 16 kHz, one channel, as little-endian 16-bit samples."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    try:
        with av.open(str(file)) as container:
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            frames += resampler.resample(None)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise CotejoError(
            f"{place}: not a readable recording ({error}). Replace the file, or convert it to WAV"
        ) from error
    samples = b"".join(frame.to_ndarray().astype("<i2").tobytes() for frame in frames)
    if not samples:
        raise CotejoError(f"{place}: the recording is empty. Replace the file, or take it out")
    return samples


def joined(recordings: list[tuple[str, str, bytes]], clip_s: float) -> list[tuple[str, str, bytes]]:
    """Recordings as (name, origin, samples), joined in order into clips of at least `clip_s` seconds.

    What is left at the end joins the last clip.
    """
    least = clip_s * RATE_HZ * BYTES_PER_SAMPLE
    groups: list[list[tuple[str, str, bytes]]] = [[]]
    for recording in recordings:
        if groups[-1] and _length(groups[-1]) >= least:
            groups.append([])
        groups[-1].append(recording)
    if len(groups) > 1 and _length(groups[-1]) < least:
        rest = groups.pop()
        groups[-1] += rest
    return [(group[0][0], ", ".join(origin for _, origin, _ in group), _samples(group)) for group in groups]


def _length(group: list[tuple[str, str, bytes]]) -> int:
    return sum(len(samples) for _, _, samples in group)


def _samples(group: list[tuple[str, str, bytes]]) -> bytes:
    return b"".join(samples for _, _, samples in group)


def _written(clip: tuple[str, str, bytes], index: int, licence: str, folder: Path) -> dict[str, Any]:
    name, origin, samples = clip
    target = folder / item_name(index, f"{name}.wav")
    with wave.open(str(target), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(BYTES_PER_SAMPLE)
        writer.setframerate(RATE_HZ)
        writer.writeframes(samples)
    return describe(target, licence, origin, duration_s=round(len(samples) / BYTES_PER_SAMPLE / RATE_HZ, 6))
