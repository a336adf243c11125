import { mean, quantile, rate, sum } from '../expression.ts';
import type { Board } from '../panel.ts';

export const room: Board = {
  id: 'room',
  title: 'Room',
  about: 'One pod with its game. A host with several games reports them together.',
  one: 'pod',
  panels: [
    {
      id: 'seats',
      title: 'Seats',
      about: 'Seats that are taken and free. A seat is also taken while it waits for the return of its player.',
      shape: 'stacked',
      unit: 'number',
      queries: [{ expression: sum('nearlight_seats', { by: ['state'] }), name: '{state}' }],
    },
    {
      id: 'steps',
      title: 'Simulation steps',
      about: 'Steps that the game makes each second. They should be as many as TICK_RATE, times the number of games.',
      shape: 'lines',
      unit: 'per second',
      queries: [
        { expression: rate('nearlight_ticks_total'), name: 'made' },
        { expression: rate('nearlight_ticks_skipped_total'), name: 'skipped' },
      ],
    },
    {
      id: 'step-time',
      title: 'Time of a step',
      about: 'Time that the module takes for a simulation step. More than 1 / TICK_RATE is too much.',
      shape: 'lines',
      unit: 'seconds',
      queries: [
        { expression: mean('nearlight_tick_seconds'), name: 'mean' },
        { expression: quantile(0.99, 'nearlight_tick_seconds'), name: 'P99' },
      ],
    },
    {
      id: 'pictures',
      title: 'Pictures',
      about: 'Pictures of all players together, each second. A dropped one was drawn in vain.',
      shape: 'lines',
      unit: 'per second',
      queries: [
        { expression: rate('nearlight_frames_encoded_total'), name: 'encoded' },
        { expression: rate('nearlight_frames_sent_total'), name: 'sent' },
        { expression: rate('nearlight_frames_dropped_total'), name: 'dropped' },
      ],
    },
    {
      id: 'video',
      title: 'Video',
      about: 'Bytes that the video encoders produce.',
      shape: 'lines',
      unit: 'bytes per second',
      queries: [{ expression: rate('nearlight_encoder_bytes_total'), name: 'encoded' }],
    },
    {
      id: 'stages',
      title: 'Where the time goes in the host',
      about: 'Mean time of each stage of a picture, upon each other.',
      shape: 'stacked',
      unit: 'seconds',
      queries: [{ expression: mean('nearlight_frame_stage_seconds', { by: ['stage'] }), name: '{stage}' }],
    },
    {
      id: 'cold-start',
      title: 'Start of the game',
      about: 'Seconds from the request for the newest game to the end of each phase of its start.',
      shape: 'lines',
      unit: 'seconds',
      queries: [{ expression: sum('nearlight_cold_start_seconds', { by: ['phase'] }), name: '{phase}' }],
    },
    {
      id: 'games-ended',
      title: 'Games that end',
      about: 'By code. Any other code than NL_GUEST_EXIT is a fault of the game or of its host.',
      shape: 'stacked',
      unit: 'number',
      queries: [{ expression: sum('nearlight_games_ended_total', { by: ['code'] }), name: '{code}' }],
    },
  ],
};
