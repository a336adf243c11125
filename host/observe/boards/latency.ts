import { must } from '../../base/assert.ts';
import { PAGE_STAGES } from '../../base/stages.ts';
import { type Expression, mean, quantile, share, sum } from '../expression.ts';
import type { Board, Panel } from '../panel.ts';

/** Percentiles that the board shows, with the names by which operators know them. */
const PERCENTILES = [
  [0.5, 'P50'],
  [0.95, 'P95'],
  [0.99, 'P99'],
  [0.999, 'P99.9'],
] as const;

/** The stages that only a page can measure. */
const OUTSIDE = PAGE_STAGES.filter((stage) => stage !== 'total');

function percentiles(of: (quantile: number) => Expression): Panel['queries'] {
  const [first, ...rest] = PERCENTILES.map(([value, name]) => ({ expression: of(value), name }));
  return [must(first, 'percentile'), ...rest];
}

const pageStage = (stage: string) => (value: number) =>
  quantile(value, 'nearlight_page_stage_seconds', { match: { stage } });

export const latency: Board = {
  id: 'latency',
  title: "Players' latency",
  about: 'From an input to the picture that shows it, as players see it, and where on the way the time goes.',
  one: 'pod',
  panels: [
    {
      id: 'p999',
      title: 'P99.9',
      about: 'Only one picture in a thousand takes longer from the input to the display.',
      shape: 'figure',
      unit: 'seconds',
      queries: [{ expression: pageStage('total')(0.999), name: 'P99.9' }],
      goal: 0.15,
    },
    {
      id: 'total',
      title: 'From the input to the display',
      about: 'The whole way, as pages report it about every two seconds.',
      shape: 'lines',
      unit: 'seconds',
      queries: percentiles(pageStage('total')),
      goal: 0.1,
    },
    {
      id: 'host',
      title: 'In the host',
      about: 'From reading the newest input to sending the picture that shows it.',
      shape: 'lines',
      unit: 'seconds',
      queries: percentiles((value) => quantile(value, 'nearlight_input_to_send_seconds')),
    },
    {
      id: 'outside',
      title: 'Outside the host',
      about: 'Mean time of each stage that only the page knows, upon each other: network, decoder and display.',
      shape: 'stacked',
      unit: 'seconds',
      queries: [
        {
          expression: mean('nearlight_page_stage_seconds', { match: { stage: OUTSIDE }, by: ['stage'] }),
          name: '{stage}',
        },
      ],
    },
    {
      id: 'uplink',
      title: 'From the page to the host',
      about: 'Time that an input is on its way. Half of the shortest round trip bounds its error.',
      shape: 'lines',
      unit: 'seconds',
      queries: percentiles(pageStage('uplink')),
    },
    {
      id: 'downlink',
      title: 'From the host to the page',
      about: 'Time that the last packet of a picture is on its way.',
      shape: 'lines',
      unit: 'seconds',
      queries: percentiles(pageStage('downlink')),
    },
    {
      id: 'encode',
      title: 'Encoding',
      about: 'Time of the video encoder for one picture.',
      shape: 'lines',
      unit: 'seconds',
      queries: percentiles((value) => quantile(value, 'nearlight_frame_stage_seconds', { match: { stage: 'encode' } })),
    },
    {
      id: 'reports',
      title: 'Pictures that pages report about, of those sent',
      about:
        'Pages report about the pictures that show an input first. If the part is small, the percentiles say little.',
      shape: 'lines',
      unit: 'share',
      queries: [
        {
          expression: share(
            sum('nearlight_page_stage_seconds_count', { match: { stage: 'total' } }),
            sum('nearlight_frames_sent_total'),
          ),
          name: 'reported',
        },
      ],
    },
  ],
};
