import datachannel, { type PeerConnection, type Track } from 'node-datachannel';
import { afterEach, expect, test } from 'vitest';
import { micro } from '../../host/base/time.ts';
import { at } from '../at.ts';
import { sleep } from '../wait.ts';
import { accessUnit, RecordedPlayer, startServer } from './fixture.ts';
import { heldMessage, Peer, until } from './peer.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A WHEP client that only watches: it offers to receive video and perhaps sound, and no data channels. */
class Watcher {
  readonly peer: PeerConnection;
  readonly packets = { video: 0, audio: 0 };
  readonly #session = new datachannel.RtcpReceivingSession();
  readonly #tracks: Track[] = [];
  location = '';
  state = 'new';

  constructor({ sound = false } = {}) {
    this.peer = new datachannel.PeerConnection('watcher', {
      iceServers: [],
      disableAutoNegotiation: true,
      bindAddress: '127.0.0.1',
    });
    this.peer.onStateChange((state) => {
      this.state = state;
    });
    const video = new datachannel.Video('v', 'RecvOnly');
    video.addH264Codec(102, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1');
    this.#add(this.peer.addTrack(video), 'video').setMediaHandler(this.#session);
    if (!sound) return;
    const audio = new datachannel.Audio('a', 'RecvOnly');
    audio.addOpusCodec(111, 'minptime=10;stereo=1');
    this.#add(this.peer.addTrack(audio), 'audio');
  }

  #add(track: Track, kind: 'video' | 'audio'): Track {
    track.onMessage((packet) => {
      const type = packet.readUInt8(1);
      if (type < 200 || type > 206) this.packets[kind]++;
    });
    track.onClosed(() => {});
    this.#tracks.push(track);
    return track;
  }

  async offer(): Promise<string> {
    this.peer.setLocalDescription('offer');
    return until(() => this.peer.localDescription()?.sdp, 'an offer');
  }

  async watch(url: string): Promise<Response> {
    const headers = { 'content-type': 'application/sdp' };
    const response = await fetch(`${url}whep?size=640x360`, { method: 'POST', headers, body: await this.offer() });
    if (response.status !== 201) return response;
    this.location = new URL(response.headers.get('location') ?? '', response.url).href;
    this.peer.setRemoteDescription(await response.text(), 'answer');
    return response;
  }

  close(): void {
    this.peer.close();
    for (const track of this.#tracks) track.close();
  }
}

function makeWatcher(options?: { sound: boolean }): Watcher {
  const watcher = new Watcher(options);
  closing.push(() => watcher.close());
  return watcher;
}

async function start(settings: Parameters<typeof startServer>[0] = {}) {
  const spectators: RecordedPlayer[] = [];
  const fixture = await startServer(settings, {
    watch: async (view) => () => {
      const spectator = new RecordedPlayer(-1, view);
      spectators.push(spectator);
      return spectator;
    },
  });
  closing.push(() => fixture.server.close());
  return { ...fixture, spectators };
}

test('a WHEP client without data channels watches, sees and hears the game, and takes no seat', async () => {
  const { server, spectators, players } = await start();
  const watcher = makeWatcher({ sound: true });
  expect((await watcher.watch(server.url)).headers.get('nearlight-return')).toBeNull();
  const connection = await until(() => spectators[0]?.connection, 'the connection');
  expect([at(spectators, 0).width, players]).toEqual([640, []]);
  const info = { rtpTimestamp: 0, keyframe: true, inputSequence: 0, inputToSendUs: micro(0) };
  expect(connection.sendFrame(accessUnit(3000, true), info)).toBe(true);
  // The section for sound opens at its own time.
  await until(() => connection.sendAudio?.(Buffer.alloc(80), { rtpTimestamp: 0 }), 'the sound');
  await until(() => watcher.packets.video >= 3 && watcher.packets.audio >= 1, 'the packets');
  expect((await fetch(watcher.location, { method: 'DELETE' })).status).toBe(200);
  expect(at(spectators, 0).closed).toEqual(['deleted']);
});

test('a client that offers a single section need not bundle it', async () => {
  const { server, spectators } = await start();
  const watcher = makeWatcher();
  const bare = (await watcher.offer()).replace(/^a=group:BUNDLE.*\r\n/m, '');
  const headers = { 'content-type': 'application/sdp' };
  const response = await fetch(`${server.url}whep`, { method: 'POST', headers, body: bare });
  expect(response.status).toBe(201);
  watcher.peer.setRemoteDescription(await response.text(), 'answer');
  await until(() => spectators[0]?.connection, 'the connection');
});

test('a spectator stays for as long as RTCP comes, and is forgotten when it has gone away', async () => {
  const { server, spectators } = await start({ idleMsMax: 1500 });
  const watcher = makeWatcher();
  await watcher.watch(server.url);
  const connection = await until(() => spectators[0]?.connection, 'the connection');
  const info = { rtpTimestamp: 0, keyframe: true, inputSequence: 0, inputToSendUs: micro(0) };
  for (let frame = 0; frame < 40; frame++) {
    connection.sendFrame(accessUnit(200, true), { ...info, rtpTimestamp: frame * 9000 });
    await sleep(100);
  }
  expect(at(spectators, 0).closed).toEqual([]);
  watcher.close();
  await until(() => at(spectators, 0).closed.length + at(spectators, 0).lost > 0, 'the end');
});

test('a host without spectators says so', async () => {
  const fixture = await startServer();
  closing.push(() => fixture.server.close());
  const response = await makeWatcher().watch(fixture.server.url);
  expect([response.status, await response.json()]).toMatchObject([503, { code: 'NL_SPECTATORS' }]);
});

test('a page that watches over channels gets notices, and has no seat', async () => {
  const { server, players, spectators } = await start();
  const peer = new Peer();
  closing.push(() => peer.close());
  const joined = await peer.join(server.url, { query: '?watch&size=640x360' });
  expect([players.length, spectators.length, joined.kind]).toEqual([0, 1, 'joined']);
  await until(() => peer.state.isOpen(), 'the state channel');
  peer.state.sendMessageBinary(heldMessage({ sequence: 1, hidden: true, muted: true }));
  const spectator = at(spectators, 0);
  await until(() => spectator.inputs.length > 0, 'what the page says about itself');
  expect(spectator.inputs[0]).toMatchObject(['held', { hidden: true, muted: true }, 1]);
  spectator.connection?.notify({ kind: 'paused', code: 'NL_NO_PLAYERS', message: 'No one plays the game' });
  await until(() => peer.notices.some(({ kind }) => kind === 'paused'), 'the notice "paused"');
});

test('a page that watches and decodes VP8 itself is refused', async () => {
  const { server } = await start();
  const response = await fetch(`${server.url}whep/socket?watch&codec=vp8`, { method: 'POST' });
  expect([response.status, await response.json()]).toMatchObject([400, { code: 'NL_OFFER' }]);
  expect((await fetch(`${server.url}whep/socket?watch&codec=h264`, { method: 'POST' })).status).toBe(201);
});
