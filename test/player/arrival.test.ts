import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { ArrivalLog } from '../../host/player/arrival.ts';

test('a frame arrived when it was received, and was decoded until its picture was there', () => {
  const log = new ArrivalLog();
  log.noteReceived(0, milli(100));
  log.noteReceived(1, milli(110));
  log.noteDecoded(1, milli(114));
  expect({ ...log.find(1) }).toEqual({ receiveTime: 110, processingDuration: 0.004 });
  expect({ ...log.find(0) }).toEqual({ receiveTime: 100, processingDuration: 0 });
});

test('nothing is known about a frame that was never received, or long ago', () => {
  const log = new ArrivalLog();
  log.noteDecoded(7, milli(1));
  for (const rtpTimestamp of [undefined, 0, 7]) expect(log.find(rtpTimestamp)).toBeUndefined();
  for (let rtp = 0; rtp < 65; rtp++) log.noteReceived(rtp, milli(rtp));
  expect(log.find(0)).toBeUndefined();
  expect(log.find(1)?.receiveTime).toBe(1);
});
