import { expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { readView } from '../../host/stream/request.ts';

const DEFAULTS = { width: 1280, height: 720, fps: 60 };

test('a page that limits its bit rate gets that limit, unless the host allows less', () => {
  const config = { ...readConfig({}), bitrateMax: 5_000_000 };
  const read = (query: string) => readView(new URLSearchParams(query), config, DEFAULTS);
  expect(read('')).toEqual(DEFAULTS);
  expect(read('bitrate=4999999')).toEqual({ ...DEFAULTS, bitrate: 4_999_999 });
  expect(read('bitrate=5000000')).toEqual(DEFAULTS);
  expect(read('bitrate=9999999999')).toEqual(DEFAULTS);
});
