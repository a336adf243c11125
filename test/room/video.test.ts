import { expect, test } from 'vitest';
import { systemClock } from '../../host/base/clock.ts';
import { milli } from '../../host/base/time.ts';
import { VideoView, type VideoViewOptions } from '../../host/room/video.ts';
import { fakeConnection, settle } from './fake.ts';

test('a view whose encoder fails reports that once, and draws no more', async () => {
  const errors: unknown[] = [];
  const view = new VideoView({
    readback: { texture: { createView: () => ({}) }, read: async () => ({ release() {} }), destroy() {} },
    encoder: { encode: () => Promise.reject(new Error('broken')), setBitrate() {}, close: async () => {} },
    connection: fakeConnection(),
    rate: {},
    clock: systemClock,
    onError: (error: unknown) => errors.push(error),
  } as unknown as VideoViewOptions);
  for (let frame = 0; frame < 2; frame++) view.present(frame, milli(0));
  await settle();
  for (let frame = 0; frame < 3; frame++) view.present(frame, milli(0));
  await settle();
  expect(errors).toEqual([new Error('broken')]);
  expect(view.ready).toBe(false);
});
