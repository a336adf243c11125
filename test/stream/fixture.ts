import { type Config, readConfig } from '../../host/base/config.ts';
import type { CloseReason } from '../../host/base/protocol.ts';
import { Meters } from '../../host/observe/meters.ts';
import type { PageFile } from '../../host/stream/files.ts';
import type { HeldState, Player, PlayerConnection, PointerState, ViewRequest } from '../../host/stream/player.ts';
import { createStreamServer, type StreamServer, type StreamServerOptions } from '../../host/stream/server.ts';

/** A player that records the calls that its connection makes to it. */
export class RecordedPlayer implements Player {
  readonly seats = 4;
  readonly game = 'test';
  readonly seat: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  connection: PlayerConnection | undefined;
  keyframes: number[] = [];
  losses: number[] = [];
  closed: CloseReason[] = [];
  /** Number of times that the connection was lost while the seat was kept. */
  lost = 0;
  /** Whether the seat's game has ended. */
  hasEnded = false;
  inputs: unknown[][] = [];
  readonly input = {
    key: (usage: number, down: boolean, sequence: number) => void this.inputs.push(['key', usage, down, sequence]),
    button: (button: number, down: boolean, sequence: number) =>
      void this.inputs.push(['button', button, down, sequence]),
    padButton: (pad: number, button: number, down: boolean, sequence: number) =>
      void this.inputs.push(['padButton', pad, button, down, sequence]),
    releaseAll: (sequence: number) => void this.inputs.push(['releaseAll', sequence]),
    held: ({ pads: _, ...state }: HeldState, sequence: number) =>
      void this.inputs.push(['held', { ...state, keys: [...state.keys] }, sequence]),
    text: (number: number, text: string | undefined) => void this.inputs.push(['text', number, text]),
    pace: (slackMs: number) => void this.inputs.push(['pace', slackMs]),
    pointer: (state: PointerState, sequence: number) =>
      void this.inputs.push(['pointer', { ...state, axes: [...state.axes] }, sequence]),
  };

  constructor(seat: number, view: ViewRequest) {
    this.seat = seat;
    this.width = view.width;
    this.height = view.height;
    this.fps = view.fps;
  }
  onConnected(connection: PlayerConnection): void {
    this.connection = connection;
  }
  onKeyframe(): void {
    this.keyframes.push(performance.now());
  }
  onFeedback(feedback: { lossFraction: number }): void {
    this.losses.push(feedback.lossFraction);
  }
  onClosed(reason: CloseReason): void {
    this.closed.push(reason);
  }
  onLost(): void {
    this.lost++;
  }
  canReturn(): boolean {
    return !this.hasEnded && this.closed.length === 0;
  }
  return(view: ViewRequest): Player {
    this.connection = undefined;
    Object.assign(this, { width: view.width, height: view.height, fps: view.fps });
    return this;
  }
}

export interface Fixture {
  server: StreamServer;
  config: Config;
  players: RecordedPlayer[];
  warnings: string[];
}

const files = new Map<string, PageFile>([
  ['/player.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from('export {};'), isShared: true }],
  [
    '/',
    {
      type: 'text/html; charset=utf-8',
      body: Buffer.from('<!doctype html><title>page</title>'),
    },
  ],
]);

/** Starts a server on a free port of 127.0.0.1. Its players record the calls of their connections. */
export async function startServer(
  settings: Partial<Config> = {},
  overrides: Partial<StreamServerOptions> = {},
): Promise<Fixture> {
  const config = { ...readConfig({}), host: '127.0.0.1', port: 0, ...settings };
  const players: RecordedPlayer[] = [];
  const warnings: string[] = [];
  const server = await createStreamServer({
    config,
    log: { debug: () => {}, info: () => {}, warn: (message) => void warnings.push(message) },
    files,
    defaultView: { width: 1280, height: 720, fps: 60 },
    admit: async (view) => () => {
      const player = new RecordedPlayer(players.length, view);
      players.push(player);
      return player;
    },
    meters: new Meters(),
    ...overrides,
  });
  return { server, config, players, warnings };
}

/** Makes an H.264 access unit of one IDR or non-IDR slice. Its content is not decodable. */
export function accessUnit(bytes: number, keyframe: boolean): Buffer {
  const unit = Buffer.alloc(bytes, 0x55);
  unit.set([0, 0, 0, 1, keyframe ? 0x65 : 0x41]);
  return unit;
}
