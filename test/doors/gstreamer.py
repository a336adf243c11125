"""Watches a WHEP stream with GStreamer's webrtcbin, as a program that knows nothing of Nearlight.

Usage: gstreamer.py URL SECONDS

Decodes H.264 and Opus for a time from the first picture on, leaves with DELETE, and prints what it saw as one line of JSON. The
answers of the server to all its requests are part of that. Candidates are sent one by one with PATCH (RFC 9725, 4.3).
"""

import json
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

VIDEO = (
    "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f,rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
)
AUDIO = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
# The first pictures show how the stream starts, and are not part of the gaps.
START_S = 2.0
# A busy machine takes this long until the first picture.
FIRST_S_MAX = 60
# Pictures wait this long, so that a packet that is sent again comes in time on a slow machine, too.
LATENCY_MS = 1000
# Reports about what was received follow each other at least this often.
REPORT_NS = 50_000_000


class Watcher:
    def __init__(self, url, seconds):
        self.url = url
        self.seconds = seconds
        self.location = None
        self.ufrag = None
        self.statuses = []
        self.waiting = []
        self.error = None
        self.pictures = []
        self.size = None
        self.sound = {"frames": 0, "loudest": 0}
        self.sounds = []
        self.frames = {}
        self.buffers = {}
        self.ssrc = None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new("watcher")
        self.bin = Gst.ElementFactory.make("webrtcbin", "webrtc")
        self.bin.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.bin.set_property("latency", LATENCY_MS)
        self.pipeline.add(self.bin)
        rtpbin = self.bin.get_by_name("rtpbin")
        rtpbin.connect("new-jitterbuffer", self.buffer)
        rtpbin.connect("on-new-ssrc", self.new_source)
        recvonly = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        for caps in (VIDEO, AUDIO):
            transceiver = self.bin.emit("add-transceiver", recvonly, Gst.Caps.from_string(caps))
            # GStreamer 1.22 asks for missing packets in a bundle only if all its transceivers do. The host repeats only video.
            transceiver.set_property("do-nack", True)
        self.bin.connect("on-negotiation-needed", self.offer)
        self.bin.connect("on-ice-candidate", self.candidate)
        self.bin.connect("pad-added", self.receive)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.fail)

    def fail(self, _bus, message):
        self.error = str(message.parse_error())
        self.loop.quit()

    def request(self, method, url, body=None, kind=None):
        headers = {} if kind is None else {"Content-Type": kind}
        data = None if body is None else body.encode()
        call = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            answer = urllib.request.urlopen(call, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        self.statuses.append([method, answer.status])
        return answer, answer.read().decode()

    def offer(self, _bin):
        self.bin.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, None))

    def offered(self, promise, _data):
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        text = offer.sdp.as_text()
        self.bin.emit("set-local-description", offer, Gst.Promise.new())
        self.ufrag = [line[12:] for line in text.splitlines() if line.startswith("a=ice-ufrag:")][0]
        self.password = [line[10:] for line in text.splitlines() if line.startswith("a=ice-pwd:")][0]
        GLib.idle_add(self.post, text)

    def post(self, text):
        answer, body = self.request("POST", self.url, text, "application/sdp")
        if answer.status != 201:
            self.error = body
            self.loop.quit()
            return False
        self.location = urljoin(answer.url, answer.headers["Location"])
        # The first source of the answer is that of the video.
        self.ssrc = int(body.split("a=ssrc:")[1].split(" ")[0])
        _, sdp = GstSdp.SDPMessage.new_from_text(body)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.bin.emit("set-remote-description", description, None)
        for candidate in self.waiting:
            self.patch(candidate)
        self.waiting = []
        return False

    def candidate(self, _bin, index, candidate):
        if index == 0:
            GLib.idle_add(self.send_candidate, candidate)

    def send_candidate(self, candidate):
        if self.location is None:
            self.waiting.append(candidate)
        else:
            self.patch(candidate)
        return False

    def patch(self, candidate):
        fragment = f"a=ice-ufrag:{self.ufrag}\r\na=ice-pwd:{self.password}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:video0\r\na={candidate}\r\n"
        self.request("PATCH", self.location, fragment, "application/trickle-ice-sdpfrag")

    def receive(self, _bin, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        media = pad.get_current_caps().get_structure(0).get_string("media")
        chain = (
            "rtph264depay request-keyframe=true wait-for-keyframe=true ! h264parse ! avdec_h264 ! fakesink name=sink sync=false"
            if media == "video"
            else "rtpopusdepay ! opusdec ! audio/x-raw,format=S16LE ! fakesink name=sink sync=false"
        )
        part = Gst.parse_bin_from_description(f"queue name=first ! {chain}", True)
        if media == "video":
            pad.add_probe(Gst.PadProbeType.BUFFER, self.packet)
        part.get_by_name("sink").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, self.picture if media == "video" else self.hear
        )
        self.pipeline.add(part)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def packet(self, _pad, info):
        # The packets of a picture have its RTP timestamp (RFC 3550, 5.1).
        self.frames.setdefault(bytes(info.get_buffer().extract_dup(4, 4)), time.monotonic())
        return Gst.PadProbeReturn.OK

    def picture(self, pad, _info):
        if not self.pictures:
            GLib.timeout_add(int(self.seconds * 1000), self.loop.quit)
        self.pictures.append(time.monotonic())
        if self.size is None:
            structure = pad.get_current_caps().get_structure(0)
            self.size = [structure.get_int("width")[1], structure.get_int("height")[1]]
        return Gst.PadProbeReturn.OK

    def hear(self, _pad, info):
        data = info.get_buffer().extract_dup(0, info.get_buffer().get_size())
        samples = memoryview(data).cast("h")
        self.sounds.append(time.monotonic())
        self.sound["frames"] += len(samples) // 2
        self.sound["loudest"] = max(self.sound["loudest"], max(samples, default=0))
        return Gst.PadProbeReturn.OK

    def new_source(self, rtpbin, session, _ssrc):
        # Otherwise GStreamer may ask for missing packets only after seconds, when its next report is due (RFC 4585, 3.5.2).
        internal = rtpbin.emit("get-internal-session", session)
        internal.set_property("rtcp-min-interval", REPORT_NS)

    def buffer(self, _rtpbin, element, _session, ssrc):
        self.buffers.setdefault(ssrc, []).append(element)

    def repairs(self):
        """Returns how many video packets came after they were asked for, and how many never came in time."""
        counts = {"packets": 0, "packetsRepaired": 0, "packetsLost": 0}
        for element in self.buffers.get(self.ssrc, []):
            stats = element.get_property("stats")
            counts["packets"] += stats.get_value("num-pushed")
            counts["packetsRepaired"] += stats.get_value("rtx-success-count")
            counts["packetsLost"] += stats.get_value("num-lost")
        return counts

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add(int((self.seconds + FIRST_S_MAX) * 1000), self.loop.quit)
        self.loop.run()
        if self.location is not None:
            self.request("DELETE", self.location)
        repairs = self.repairs()
        self.pipeline.set_state(Gst.State.NULL)
        begun = (self.pictures[0] if self.pictures else 0) + START_S
        times = [at for at in self.pictures if at >= begun]
        gaps = sorted(b - a for a, b in zip(times, times[1:]))
        print(
            json.dumps(
                {
                    "error": self.error,
                    "statuses": self.statuses,
                    "pictures": len(self.pictures),
                    "seconds": times[-1] - times[0] if len(times) > 1 else 0,
                    "picturesLater": len(times),
                    "longestGapMs": gaps[-1] * 1000 if gaps else None,
                    "freezes": sum(1 for gap in gaps if gap > 0.1),
                    "size": self.size,
                    "soundFrames": self.sound["frames"],
                    "loudest": self.sound["loudest"],
                    "soundSeconds": self.sounds[-1] - self.sounds[0] if self.sounds else 0,
                    "frames": len(self.frames),
                    "framesLater": sum(1 for at in self.frames.values() if times and begun <= at <= times[-1]),
                    **repairs,
                }
            )
        )


Gst.init(None)
Watcher(sys.argv[1], float(sys.argv[2])).run()
