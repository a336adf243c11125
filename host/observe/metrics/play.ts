import { SERVER_STATES } from '../../base/lifecycle.ts';
import type { Meters } from '../meters.ts';
import { type Add, buckets, plain } from './add.ts';
import type { Figures } from './figures.ts';

export function addFrames(add: Add, meters: Meters): void {
  const { inputWait: wait, inputTick: tick, inputTurn: turn, inputToSend } = meters;
  const { render, replay, readback, encode, send, pace, page } = meters;
  const stages = Object.entries({ wait, tick, turn, render, replay, readback, encode, send, pace });
  add('nearlight_frames_encoded_total', 'counter', 'Pictures that were encoded.', () => plain(encode.count));
  add('nearlight_frames_sent_total', 'counter', 'Pictures that were sent.', () => plain(send.count));
  add('nearlight_frames_dropped_total', 'counter', 'Pictures that were rendered but not sent.', () =>
    plain(meters.framesDropped),
  );
  add('nearlight_encoder_bytes_total', 'counter', 'Bytes that the video encoder produced.', () =>
    plain(meters.encodedBytes),
  );
  add(
    'nearlight_frame_stage_seconds',
    'histogram',
    'Time that a picture, or its newest input, spends in a stage of the host.',
    (name) => stages.flatMap(([stage, histogram]) => buckets(name, histogram, { stage })),
  );
  add(
    'nearlight_input_to_send_seconds',
    'histogram',
    'Time from reading the newest input to sending the picture that shows it.',
    (name) => buckets(name, inputToSend),
  );
  add(
    'nearlight_page_stage_seconds',
    'histogram',
    "Times of pictures as players' pages report them: stages outside the host, and the total from an input to its picture.",
    (name) => Object.entries(page).flatMap(([stage, histogram]) => buckets(name, histogram, { stage })),
  );
}

export function addTicks(add: Add, meters: Meters): void {
  add('nearlight_ticks_total', 'counter', 'Simulation steps.', () => plain(meters.tick.count));
  add('nearlight_ticks_skipped_total', 'counter', 'Simulation steps that were skipped because the game was late.', () =>
    plain(meters.ticksSkipped),
  );
  add('nearlight_tick_seconds', 'histogram', 'Time that the module takes for a simulation step.', (name) =>
    buckets(name, meters.tick),
  );
  add('nearlight_tick_late_seconds', 'histogram', 'Time from when a simulation step was due to its start.', (name) =>
    buckets(name, meters.tickLate),
  );
}

export function addSessions(add: Add, meters: Meters, figures: Figures): void {
  add('nearlight_sessions', 'gauge', 'Pages that are connected.', () => plain(meters.sessions));
  add('nearlight_sessions_joined_total', 'counter', 'Pages that have connected.', () => plain(meters.sessionsJoined));
  add('nearlight_sessions_ended_total', 'counter', 'Connections that ended, established or not, by reason.', () =>
    Object.entries(meters.sessionsEnded).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  add('nearlight_games_ended_total', 'counter', 'Games that ended by themselves or with an error, by code.', () =>
    [...meters.gamesEnded].map(([code, value]) => ({ labels: { code }, value })),
  );
  add('nearlight_requests_refused_total', 'counter', 'HTTP requests that were refused, by code.', () =>
    [...meters.requestsRefused].map(([code, value]) => ({ labels: { code }, value })),
  );
  const { state } = figures;
  if (state)
    add(
      'nearlight_server_state',
      'gauge',
      'What the host does as a game server: 1 for its state, 0 for others.',
      () => {
        const now = state();
        return SERVER_STATES.map((each) => ({ labels: { state: each }, value: Number(each === now) }));
      },
    );
  add('nearlight_seats', 'gauge', 'Seats of the running games, by whether they are taken.', () => {
    if (figures.hosts) return [];
    const { all, taken } = figures.seats();
    return [
      { labels: { state: 'taken' }, value: taken },
      { labels: { state: 'free' }, value: all - taken },
    ];
  });
}
