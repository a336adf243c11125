import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { errors } from '../../host/base/errors.ts';
import { Samples } from '../../host/base/samples.ts';
import { Histogram } from '../../host/observe/histogram.ts';
import { Meters } from '../../host/observe/meters.ts';
import type { Figures } from '../../host/observe/metrics/figures.ts';
import { createMetrics } from '../../host/observe/metrics.ts';

const figures: Figures = {
  build: { version: '1.2.3', gpu: 'a "GPU"\\' },
  seats: () => ({ all: 16, taken: 3 }),
  coldStart: () => ({ first_tick: 0.008 }),
};

interface Family {
  type: string;
  help: string;
  samples: Map<string, number>;
}

/**
 * Parses metrics in Prometheus's text format 0.0.4 and refuses what that does not allow:
 * https://prometheus.io/docs/instrumenting/exposition_formats
 */
function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let family: Family | undefined;
  let current = '';
  for (const line of text.split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line) ?? [];
    if (line === '') continue;
    if (keyword === 'HELP') {
      expect(families.has(name), `${name} appears twice`).toBe(false);
      family = { type: '', help: rest, samples: new Map() };
      current = name;
      families.set(name, family);
    } else if (keyword === 'TYPE') {
      expect([name, family?.type]).toEqual([current, '']);
      expect(['counter', 'gauge', 'histogram', 'summary']).toContain(rest);
      if (family) family.type = rest;
    } else {
      const sample =
        /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (Na[nN]|[+-]?Inf|-?[0-9.e+-]+)$/.exec(line);
      const [, sampleName = '', labels = '', value] = must(sample, `sample in "${line}"`);
      const { type, samples } = must(family, 'family before a sample');
      expect(sampleName.replace(type === 'histogram' ? /_(bucket|sum|count)$/ : '', '')).toBe(current);
      expect(samples.has(sampleName + labels), `${sampleName}${labels} appears twice`).toBe(false);
      samples.set(sampleName + labels, Number(value));
    }
  }
  return families;
}

describe('a histogram', () => {
  test.each([
    [-1, 0],
    [0.5, 0],
    [0.501, 1],
    [8.3, 4],
    [8.4, 5],
    [16.7, 5],
    [16.8, 6],
    [20.1, 7],
    [33, 8],
    [100, 12],
    [1000, 14],
    [1001, 15],
    [Number.POSITIVE_INFINITY, 15],
  ])('counts %d ms in bucket %i', (ms, bucket) => {
    const histogram = new Histogram();
    histogram.add(ms);
    expect([...histogram.counts.entries()].filter(([, count]) => count > 0)).toEqual([[bucket, 1]]);
    expect(histogram.count).toBe(1);
  });

  test('a histogram counts the values of several sample buffers', () => {
    const histogram = new Histogram();
    new Samples({ size: 1, histogram }).add(3);
    new Samples({ size: 1, histogram }).add(5);
    expect([histogram.count, histogram.sumSeconds]).toEqual([2, 0.008]);
  });
});

describe('metrics', () => {
  test("metrics are in Prometheus's text format, and their names have a known prefix", async () => {
    const text = await createMetrics(new Meters(), figures)();
    const families = parse(text);
    for (const name of families.keys()) expect(name).toMatch(/^(nearlight|process|nodejs)_/);
    for (const [name, { type }] of families) expect(name.endsWith('_total'), name).toBe(type === 'counter');
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds'])
      expect(families.has(name), name).toBe(true);
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (promtool.error === undefined) expect(promtool.stdout + promtool.stderr).toBe('');
  });

  test('metrics of a host with a store report moves of players, which begin at 0', async () => {
    const meters = new Meters();
    meters.moves.committed = 3;
    meters.movesOpen.arrivals = 2;
    meters.moveUndo.add(40);
    expect(await createMetrics(meters, figures)()).not.toContain('nearlight_move');
    const counts = { waiting: 0, oldestSeconds: 0, refused: 0, local: 0, sent: 0, failures: 0, outageSeconds: 0 };
    const edge = { ...counts, held: 0, damaged: 0, salvaged: 0, givenUp: {} };
    const families = parse(await createMetrics(meters, { ...figures, edge: () => edge })());
    const values = (name: string) => Object.fromEntries(families.get(name)?.samples ?? []);
    expect(values('nearlight_moves_total')).toEqual({
      'nearlight_moves_total{outcome="committed"}': 3,
      'nearlight_moves_total{outcome="compensated"}': 0,
      'nearlight_moves_total{outcome="refused"}': 0,
      'nearlight_moves_total{outcome="arrived"}': 0,
    });
    expect(values('nearlight_moves_open')).toEqual({
      'nearlight_moves_open{way="departures"}': 0,
      'nearlight_moves_open{way="arrivals"}': 2,
    });
    expect(values('nearlight_move_undo_seconds')).toMatchObject({ nearlight_move_undo_seconds_count: 1 });
    expect(values('nearlight_move_seconds')).toMatchObject({ nearlight_move_seconds_count: 0 });
  });

  test('metrics report messages between rooms, and rooms by phase', async () => {
    const meters = new Meters();
    Object.assign(meters.bus, { emitted: 5, delivered: 4, resultsLost: 1 });
    meters.bus.dropped.queue = 3;
    const families = parse(await createMetrics(meters, { ...figures, phases: () => ({ active: 2, none: 1 }) })());
    const values = (name: string) => Object.fromEntries(families.get(name)?.samples ?? []);
    expect(values('nearlight_bus_messages_total')).toEqual({
      'nearlight_bus_messages_total{way="sent"}': 5,
      'nearlight_bus_messages_total{way="received"}': 4,
    });
    expect(values('nearlight_bus_dropped_total')).toMatchObject({
      'nearlight_bus_dropped_total{reason="queue"}': 3,
      'nearlight_bus_dropped_total{reason="rate"}': 0,
    });
    expect(values('nearlight_results_lost_total')).toEqual({ nearlight_results_lost_total: 1 });
    expect(values('nearlight_rooms')).toEqual({
      'nearlight_rooms{phase="active"}': 2,
      'nearlight_rooms{phase="none"}': 1,
    });
  });

  test('metrics report what the host does as a game server', async () => {
    const families = parse(await createMetrics(new Meters(), { ...figures, state: () => 'full' })());
    expect(Object.fromEntries(families.get('nearlight_server_state')?.samples ?? [])).toEqual({
      'nearlight_server_state{state="starting"}': 0,
      'nearlight_server_state{state="ready"}': 0,
      'nearlight_server_state{state="allocated"}': 0,
      'nearlight_server_state{state="full"}': 1,
      'nearlight_server_state{state="draining"}': 0,
      'nearlight_server_state{state="ended"}': 0,
    });
  });

  test('metrics report for each service how long it took to recover, and calls that were repeated', async () => {
    const meters = new Meters();
    const { opa, centre } = meters.dependencies;
    opa.repeats = 2;
    opa.count('failed');
    centre.change('open');
    centre.change('closed');
    const families = parse(await createMetrics(meters, figures)());
    const value = (name: string, labels: string) => families.get(name)?.samples.get(`${name}{${labels}}`);
    expect(value('nearlight_dependency_repeats_total', 'dependency="opa"')).toBe(2);
    expect(value('nearlight_dependency_repeats_total', 'dependency="issuer"')).toBe(0);
    expect(value('nearlight_dependency_recovery_seconds', 'dependency="opa"')).toBeGreaterThan(0);
    expect(value('nearlight_dependency_recovery_seconds', 'dependency="issuer"')).toBe(0);
    expect(value('nearlight_dependency_changes_total', 'dependency="centre",to="open"')).toBe(1);
    expect(value('nearlight_dependency_state', 'dependency="centre",state="closed"')).toBe(1);
  });

  test('the recovery time of input grows while the input of a page is dropped', async () => {
    const meters = new Meters();
    const metrics = createMetrics(meters, figures);
    const name = 'nearlight_protection_recovery_seconds';
    const read = async () =>
      parse(await metrics())
        .get(name)
        ?.samples.get(`${name}{step="input"}`);
    expect(await read()).toBe(0);
    meters.inputOutage.fail();
    expect(await read()).toBeGreaterThan(0);
  });

  test('metrics report counters in seconds and bytes', async () => {
    const meters = new Meters();
    const metrics = createMetrics(meters, figures);
    meters.gpuMs = 250;
    meters.encode.add(4);
    meters.encode.add(12);
    meters.encode.add(2000);
    meters.tick.add(1);
    meters.inputWait.add(3);
    meters.pace.add(0.1);
    meters.page.total.merge([0, 0, 0, 0, 0, 0, 0, 2], 46);
    meters.ticksSkipped = 7;
    meters.framesDropped = 2;
    meters.encodedBytes = 1234;
    meters.sessions = 1;
    meters.sessionsJoined = 2;
    meters.sessionsEnded.idle++;
    meters.countEndedGame('NL_GUEST_TRAP');
    meters.countEndedGame('NL_GUEST_TRAP');
    meters.countRuleDecision('region', 'allow', 0.4);
    meters.countRuleDecision('region', 'allow', 3);
    meters.countRuleDecision('region', 'failed', 1);
    meters.inputsCoalesced = 9;
    meters.countDroppedInput('NL_INPUT_RATE');
    meters.countDismissedPage('NL_INPUT');
    meters.tiers.warm = 2;
    meters.countTierChange('hot', 'warm');
    meters.tierChange.hot.add(20);
    meters.countSituation('fight');
    const families = parse(await metrics());
    const samples = new Map([...families.values()].flatMap((family) => [...family.samples]));
    const stage = 'nearlight_frame_stage_seconds';
    const page = 'nearlight_page_stage_seconds';
    expect(Object.fromEntries(samples)).toMatchObject({
      [`${stage}_bucket{stage="encode",le="0.002"}`]: 0,
      [`${stage}_bucket{stage="encode",le="0.004"}`]: 1,
      [`${stage}_bucket{stage="encode",le="0.0167"}`]: 2,
      [`${stage}_bucket{stage="encode",le="1"}`]: 2,
      [`${stage}_bucket{stage="encode",le="+Inf"}`]: 3,
      [`${stage}_sum{stage="encode"}`]: 2.016,
      [`${stage}_count{stage="encode"}`]: 3,
      [`${stage}_count{stage="send"}`]: 0,
      [`${stage}_count{stage="wait"}`]: 1,
      [`${stage}_sum{stage="pace"}`]: 0.0001,
      [`${page}_bucket{stage="total",le="0.02"}`]: 0,
      [`${page}_bucket{stage="total",le="0.025"}`]: 2,
      [`${page}_sum{stage="total"}`]: 0.046,
      [`${page}_count{stage="uplink"}`]: 0,
      nearlight_frames_encoded_total: 3,
      nearlight_frames_dropped_total: 2,
      nearlight_encoder_bytes_total: 1234,
      nearlight_ticks_total: 1,
      nearlight_ticks_skipped_total: 7,
      nearlight_gpu_seconds_total: 0.25,
      'nearlight_rule_decisions_total{rule="region",verdict="allow"}': 2,
      'nearlight_rule_decisions_total{rule="region",verdict="failed"}': 1,
      nearlight_rule_decision_seconds_count: 3,
      'nearlight_rule_decision_seconds_bucket{le="0.0005"}': 1,
      nearlight_sessions: 1,
      nearlight_inputs_coalesced_total: 9,
      'nearlight_inputs_dropped_total{code="NL_INPUT_RATE"}': 1,
      'nearlight_pages_dismissed_total{code="NL_INPUT"}': 1,
      'nearlight_connections{tier="warm"}': 2,
      'nearlight_connections{tier="cold"}': 0,
      'nearlight_tier_changes_total{from="hot",to="warm"}': 1,
      'nearlight_tier_change_seconds_sum{to="hot"}': 0.02,
      'nearlight_situations_total{to="fight"}': 1,
      'nearlight_situations_total{to="calm"}': 0,
      nearlight_sessions_joined_total: 2,
      'nearlight_sessions_ended_total{reason="idle"}': 1,
      'nearlight_sessions_ended_total{reason="page"}': 0,
      'nearlight_games_ended_total{code="NL_GUEST_TRAP"}': 2,
      'nearlight_seats{state="taken"}': 3,
      'nearlight_seats{state="free"}': 13,
      'nearlight_cold_start_seconds{phase="first_tick"}': 0.008,
      'nearlight_build_info{version="1.2.3",gpu="a \\"GPU\\"\\\\"}': 1,
    });
  });

  test('metrics report what a fleet scales by, as far as the host knows it', async () => {
    const meters = new Meters();
    Object.assign(meters.packets, { sent: 1000, resent: 30 });
    meters.roundTrip.add(30);
    const read = async (load?: Figures['load']) => {
      const families = parse(await createMetrics(meters, { ...figures, ...(load ? { load } : {}) })());
      return Object.fromEntries([...families.values()].flatMap((family) => [...family.samples]));
    };
    const kernel = { periods: 20, throttledPeriods: 3, stalledUs: 1_500_000 };
    expect(await read({ queue: () => 4, kernel: () => kernel })).toMatchObject({
      nearlight_queue: 4,
      'nearlight_video_packets_total{kind="new"}': 970,
      'nearlight_video_packets_total{kind="repeated"}': 30,
      nearlight_round_trip_seconds_count: 1,
      nearlight_round_trip_seconds_sum: 0.03,
      'nearlight_cpu_periods_total{fate="throttled"}': 3,
      'nearlight_cpu_periods_total{fate="free"}': 17,
      nearlight_cpu_stalled_seconds_total: 1.5,
    });
    const unknown = await read({ queue: () => 0, kernel: () => ({}) });
    expect(Object.keys(unknown).filter((name) => name.startsWith('nearlight_cpu_'))).toEqual([]);
    expect(await read()).not.toHaveProperty('nearlight_queue');
  });

  test('the stages have a bounded number of series, however many pages report', async () => {
    const meters = new Meters();
    for (const histogram of Object.values(meters.page)) histogram.merge(new Array(16).fill(1000), 1e6);
    const families = parse(await createMetrics(meters, figures)());
    const seriesOf = (name: string) => must(families.get(name), name).samples.size;
    expect(seriesOf('nearlight_frame_stage_seconds')).toBe(9 * (16 + 2));
    expect(seriesOf('nearlight_page_stage_seconds')).toBe(5 * (16 + 2));
  });

  test('counters that are labelled by a code or a reason begin at 0, so that the first event makes a rate', async () => {
    const meters = new Meters();
    const metrics = createMetrics(meters, figures);
    const read = async () => new Map([...parse(await metrics()).values()].flatMap(({ samples }) => [...samples]));
    const before = await read();
    meters.countEndedGame('NL_GPU_LOST');
    meters.countRefusedRequest('NL_ROOM_FULL');
    meters.sessionsEnded.failed++;
    meters.gpuLosses++;
    const after = await read();
    for (const name of [
      'nearlight_games_ended_total{code="NL_GPU_LOST"}',
      'nearlight_requests_refused_total{code="NL_ROOM_FULL"}',
      'nearlight_sessions_ended_total{reason="failed"}',
      'nearlight_gpu_losses_total',
    ])
      expect([name, before.get(name), after.get(name)]).toEqual([name, 0, 1]);
  });

  test('every code that has an HTTP status is counted among the refusals', async () => {
    const refusals = must(
      parse(await createMetrics(new Meters(), figures)()).get('nearlight_requests_refused_total'),
      'refusals',
    );
    const codes = Object.entries(errors).flatMap(([code, entry]) => ('http' in entry ? [code] : []));
    expect(refusals.samples.size).toBe(codes.length);
  });

  test('metrics leave out the GPU time if the GPU has no timestamps', async () => {
    const families = parse(await createMetrics(new Meters(), figures)());
    expect(families.has('nearlight_gpu_seconds_total')).toBe(false);
  });

  test('metrics of two hosts in one process are separate, and can be read again', async () => {
    const [one, other] = [new Meters(), new Meters()];
    const metrics = [createMetrics(one, figures), createMetrics(other, figures)];
    one.framesDropped = 1;
    for (let time = 1; time <= 2; time++) {
      other.framesDropped = 10 * time;
      const found = await Promise.all(
        metrics.map(async (read) => /frames_dropped_total (\d+)/.exec(await read())?.[1]),
      );
      expect(found).toEqual(['1', `${10 * time}`]);
    }
  });
});

test('a host with a store reports it, and one without has no metrics of a store', async () => {
  const meters = new Meters();
  meters.storeCommit.add(3);
  const edge = {
    waiting: 4,
    oldestSeconds: 1.5,
    refused: 1,
    local: 2,
    sent: 7,
    failures: 3,
    outageSeconds: 2,
    held: 5,
    damaged: 1,
    salvaged: 9,
    givenUp: { traces: true, logs: false },
  };
  const families = parse(await createMetrics(meters, { ...figures, edge: () => edge })());
  const value = (name: string, sample = name) => families.get(name)?.samples.get(sample);
  expect(value('nearlight_outbox_waiting')).toBe(4);
  expect(value('nearlight_outbox_oldest_seconds')).toBe(1.5);
  expect(value('nearlight_outbox_sent_total')).toBe(7);
  expect(value('nearlight_outbox_failures_total')).toBe(3);
  expect(value('nearlight_outbox_refused')).toBe(1);
  expect(value('nearlight_outbox_local')).toBe(2);
  expect(value('nearlight_protection_recovery_seconds', 'nearlight_protection_recovery_seconds{step="outbox"}')).toBe(
    2,
  );
  expect(value('nearlight_store_held')).toBe(5);
  expect(value('nearlight_store_damaged_total')).toBe(1);
  expect(value('nearlight_store_salvaged_rows_total')).toBe(9);
  expect(value('nearlight_store_given_up', 'nearlight_store_given_up{what="traces"}')).toBe(1);
  expect(value('nearlight_store_given_up', 'nearlight_store_given_up{what="logs"}')).toBe(0);
  expect(value('nearlight_store_commit_seconds', 'nearlight_store_commit_seconds_count')).toBe(1);
  expect([...parse(await createMetrics(meters, figures)()).keys()].filter((name) => /store|outbox/.test(name))).toEqual(
    [],
  );
});
