/**
 * The stages between an input and the picture that shows it, in order. Each begins where the one before it ends, so for each
 * picture their times add up to the time from sending its newest input to showing it.
 */
export const STAGES = [
  'uplink', // from the page to the host
  'wait', // until a simulation tick, or the picture itself, reads the input
  'tick', // the simulation tick that reads it; 0 if the picture read it before any tick did
  'turn', // until the picture is due
  'draw', // the module records commands, and the host submits them to the GPU
  'readback', // the GPU draws and converts the picture, and the host reads it back
  'encode',
  'send', // until the picture's last packet has left
  'downlink', // until that packet has reached the page
  'decode',
  'present', // until the browser shows the picture
] as const;

export type Stage = (typeof STAGES)[number];

/** The stages that the host measures. MESSAGE_FRAME has their times. */
export const HOST_STAGES = ['wait', 'tick', 'turn', 'draw', 'readback', 'encode', 'send'] as const;

/** The times that only a page knows, and reports to the host by their position in this list. `total` is the sum of all stages. */
export const PAGE_STAGES = ['uplink', 'downlink', 'decode', 'present', 'total'] as const;

export type PageStage = (typeof PAGE_STAGES)[number];
