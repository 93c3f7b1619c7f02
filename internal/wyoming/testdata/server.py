"""A plain asyncio server of the Wyoming protocol, to measure ours against.

It does what an ordinary one does and no more: reads events, gathers the audio
of an utterance, answers audio-stop with a transcript that says how many bytes
came. It prints its address, and ends when standard input does.
"""

import asyncio
import json
import sys
from dataclasses import dataclass


@dataclass
class AudioChunk:
    rate: int
    width: int
    channels: int
    audio: bytes


async def read_event(reader):
    line = await reader.readline()
    if not line:
        return None
    header = json.loads(line)
    data = header.get("data") or {}
    length = header.get("data_length") or 0
    if length > 0:
        data.update(json.loads(await reader.readexactly(length)))
    payload = b""
    length = header.get("payload_length") or 0
    if length > 0:
        payload = await reader.readexactly(length)
    return header["type"], data, payload


async def write_event(writer, kind, data):
    block = json.dumps(data, ensure_ascii=False).encode("utf-8")
    header = {"type": kind, "version": "1.8.0", "data_length": len(block)}
    writer.write(json.dumps(header).encode("utf-8") + b"\n" + block)
    await writer.drain()


async def serve(reader, writer):
    audio = bytearray()
    while (event := await read_event(reader)) is not None:
        kind, data, payload = event
        if kind == "audio-chunk":
            chunk = AudioChunk(data["rate"], data["width"], data["channels"], payload)
            audio += chunk.audio
        elif kind == "audio-stop":
            await write_event(writer, "transcript", {"text": str(len(audio))})
            audio = bytearray()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("%s:%d" % server.sockets[0].getsockname(), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
