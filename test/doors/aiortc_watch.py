"""Watches a WHEP stream with aiortc, as a program that knows nothing of Nearlight.

Usage: aiortc_watch.py URL SECONDS

Decodes video and sound for a time from the first picture on, leaves with DELETE, and prints what it saw as one line of JSON.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urljoin

import aiortc.rtcrtpreceiver
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

START_S = 2.0
# A busy machine takes this long until the first picture.
FIRST_S_MAX = 60


class Repairs(aiortc.rtcrtpreceiver.NackGenerator):
    """Counts the video packets that came after they were missing, and those that never came."""

    packets = repaired = missed = 0
    frames = {}

    def add(self, packet):
        last = self.max_seq
        was_missing = packet.sequence_number in self.missing
        has_missed = super().add(packet)
        if self.max_seq != last or was_missing:
            Repairs.packets += 1
            Repairs.frames.setdefault(packet.timestamp, time.monotonic())
        if was_missing:
            Repairs.repaired += 1
        if has_missed:
            Repairs.missed += (packet.sequence_number - last - 1) & 0xFFFF
        return has_missed


def request(method, url, body=None):
    headers = {"Content-Type": "application/sdp"} if body is not None else {}
    data = None if body is None else body.encode()
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    return answer, answer.read().decode()


async def main(url, seconds):
    seen = {"error": None, "statuses": [], "size": None, "soundFrames": 0, "loudest": 0}
    pictures = []
    sounds = []
    aiortc.rtcrtpreceiver.NackGenerator = Repairs
    peer = RTCPeerConnection()
    for kind in ("video", "audio"):
        peer.addTransceiver(kind, direction="recvonly")

    async def read(track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    pictures.append(time.monotonic())
                    seen["size"] = [frame.width, frame.height]
                else:
                    sounds.append(time.monotonic())
                    seen["soundFrames"] += frame.samples
                    seen["loudest"] = max(seen["loudest"], max(memoryview(bytes(frame.planes[0])).cast("h")))
        except MediaStreamError:
            pass

    readers = []
    peer.on("track", lambda track: readers.append(asyncio.ensure_future(read(track))))
    await peer.setLocalDescription(await peer.createOffer())
    answer, body = await asyncio.to_thread(request, "POST", url, peer.localDescription.sdp)
    seen["statuses"].append(["POST", answer.status])
    if answer.status == 201:
        location = urljoin(answer.url, answer.headers["Location"])
        await peer.setRemoteDescription(RTCSessionDescription(body, "answer"))
        begun = time.monotonic()
        while not pictures and time.monotonic() < begun + FIRST_S_MAX:
            await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)
        answer, _ = await asyncio.to_thread(request, "DELETE", location)
        seen["statuses"].append(["DELETE", answer.status])
    else:
        seen["error"] = body
    await peer.close()
    for reader in readers:
        reader.cancel()
    begun = (pictures[0] if pictures else 0) + START_S
    times = [at for at in pictures if at >= begun]
    gaps = sorted(b - a for a, b in zip(times, times[1:]))
    seen["soundSeconds"] = sounds[-1] - sounds[0] if sounds else 0
    seen["pictures"] = len(pictures)
    seen["picturesLater"] = len(times)
    seen["seconds"] = times[-1] - times[0] if len(times) > 1 else 0
    seen["longestGapMs"] = gaps[-1] * 1000 if gaps else None
    seen["packets"] = Repairs.packets
    seen["frames"] = len(Repairs.frames)
    seen["framesLater"] = sum(1 for at in Repairs.frames.values() if times and begun <= at <= times[-1])
    seen["packetsRepaired"] = Repairs.repaired
    seen["packetsLost"] = Repairs.missed - Repairs.repaired
    seen["freezes"] = sum(1 for gap in gaps if gap > 0.1)
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
