"""A client of the Wyoming protocol, from Python's standard library only.

It was written from a description of the protocol, not from the server that it
is let loose on, and behaves as Home Assistant does: it dials for everything
anew, wants info within a second, sends 10 ms of sound at a time, and is done
with the first transcript.

    client.py HOST PORT REQUEST

prints one line of JSON with what came back, or fails. Requests: describe,
stt VALUE CHUNKS, say WAV, early VALUE, silence, tts TEXT, tts-stream TEXT, handle TEXT.
"""

import json
import socket
import struct
import sys
import time
import wave

RATE, WIDTH, CHANNELS = 16000, 2, 1
FORMAT = {"rate": RATE, "width": WIDTH, "channels": CHANNELS}


class Wyoming:
    """One connection."""

    def __init__(self, host, port):
        self.sock = socket.create_connection((host, port), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, kind, data=None, payload=b""):
        header = {"type": kind, "version": "1.8.0"}
        block = b""
        if data:
            block = json.dumps(data, ensure_ascii=False).encode("utf-8")
            header["data_length"] = len(block)
        if payload:
            header["payload_length"] = len(payload)
        line = json.dumps(header, ensure_ascii=False).encode("utf-8")
        self.sock.sendall(line + b"\n" + block + payload)

    def receive(self):
        """The next event: its type, data and payload."""
        line = self.file.readline()
        if not line:
            raise EOFError("the server closed the connection")
        header = json.loads(line)
        data = header.get("data") or {}
        length = header.get("data_length") or 0
        if length:
            data = {**data, **json.loads(self.exactly(length))}
        return header["type"], data, self.exactly(header.get("payload_length") or 0)

    def exactly(self, length):
        got = self.file.read(length)
        if len(got) != length:
            raise EOFError("the server closed the connection in mid-event")
        return got

    def receive_until(self, kind):
        """All events up to the first of a kind, which is the last returned."""
        events = []
        while not events or events[-1][0] != kind:
            events.append(self.receive())
            if events[-1][0] == "error":
                raise RuntimeError("error event: %r" % (events[-1][1],))
        return events


def describe(host, port):
    began = time.monotonic()
    with Wyoming(host, port) as c:
        c.send("describe")
        c.sock.settimeout(1)
        kind, info, _ = c.receive()
    assert kind == "info", kind
    for domain in ("asr", "tts", "handle", "intent", "wake"):
        for program in info.get(domain, []):  # null would not be iterable
            check_artifact(program)
            for part in program["voices" if domain == "tts" else "models"]:
                check_artifact(part)
                assert isinstance(part["languages"], list), part
    return {"took": time.monotonic() - began, "asr": len(info["asr"]), "tts": len(info["tts"]), "handle": len(info["handle"])}


def check_artifact(a):
    assert isinstance(a["name"], str) and isinstance(a["installed"], bool), a
    assert isinstance(a["attribution"]["name"], str) and isinstance(a["attribution"]["url"], str), a


def tone(value):
    """10 ms in which every sample has one value."""
    return struct.pack("<h", value) * (RATE // 100)


def speak(c, value, chunks, name=None):
    c.send("transcribe", {"name": name, "language": "en"})
    c.send("audio-start", {**FORMAT, "timestamp": 0})
    for n in range(chunks):
        c.send("audio-chunk", {**FORMAT, "timestamp": time.monotonic_ns() if n % 2 else None}, tone(value))


def stt(host, port, value, chunks):
    with Wyoming(host, port) as c:
        speak(c, int(value), int(chunks))
        c.send("audio-stop", {"timestamp": None})
        return {"text": c.receive_until("transcript")[-1][1]["text"]}


def say(host, port, path):
    """A recording at the pace of a file, its end told; then its handling."""
    with wave.open(path, "rb") as w, Wyoming(host, port) as c:
        said = {"rate": w.getframerate(), "width": w.getsampwidth(), "channels": w.getnchannels()}
        c.send("transcribe", {"language": "en"})
        c.send("audio-start", said)
        while pcm := w.readframes(said["rate"] // 100):
            c.send("audio-chunk", said, pcm)
        c.send("audio-stop")
        text = c.receive_until("transcript")[-1][1]["text"]
    return {"text": text, "answer": handle(host, port, text) if text else None}


def early(host, port, value):
    """The transcript comes while speech is still being sent, and ends the turn."""
    with Wyoming(host, port) as c:
        speak(c, int(value), 5, name="early")
        text = c.receive_until("transcript")[-1][1]["text"]
    return {"text": text}


def silence(host, port):
    with Wyoming(host, port) as c:
        c.send("transcribe")
        c.send("audio-start", FORMAT)
        c.send("audio-stop")
        return {"text": c.receive_until("transcript")[-1][1]["text"]}


def sound(events, last):
    """The samples of a spoken answer, which must be in order."""
    kinds = [kind for kind, _, _ in events]
    chunks = [e for e in events if e[0] == "audio-chunk"]
    assert kinds == ["audio-start"] + ["audio-chunk"] * len(chunks) + ["audio-stop"] + last, kinds
    start = events[0][1]
    pcm = b""
    for _, data, payload in chunks:
        assert all(data[k] == start[k] for k in FORMAT), data
        pcm += payload
    assert len(pcm) % (start["width"] * start["channels"]) == 0
    return {"rate": start["rate"], "text": pcm[::200].decode("utf-8")}


def tts(host, port, text):
    with Wyoming(host, port) as c:
        c.send("synthesize", {"text": text, "voice": {"name": None}})
        return sound(c.receive_until("audio-stop"), [])


def tts_stream(host, port, text):
    with Wyoming(host, port) as c:
        c.send("synthesize-start", {"voice": {"language": "en"}})
        for word in text.split(" "):
            c.send("synthesize-chunk", {"text": word})
        c.send("synthesize", {"text": "for servers that know no chunks"})
        c.send("synthesize-stop")
        return sound(c.receive_until("synthesize-stopped"), ["synthesize-stopped"])


def handle(host, port, text):
    context = {"conversation_id": "01J", "device_id": None, "satellite_id": "assist_satellite.x"}
    with Wyoming(host, port) as c:
        c.send("transcript", {"text": text, "language": "en", "context": context})
        while True:
            kind, data, _ = c.receive()
            if kind in ("handled", "not-handled", "intent", "not-recognized", "error"):
                assert data["context"] == context, data
                return {"kind": kind, "text": data["text"]}


if __name__ == "__main__":
    requests = {
        "describe": describe, "stt": stt, "say": say, "early": early, "silence": silence,
        "tts": tts, "tts-stream": tts_stream, "handle": handle,
    }
    print(json.dumps(requests[sys.argv[3]](sys.argv[1], int(sys.argv[2]), *sys.argv[4:])))
