import type { Labels } from './labels.ts';

/** The texts of the player's tools in English. */
export const ENGLISH_TOOLS = {
  tier: 'Tier',
  droppedInput: 'Dropped input',
  tooMuchInput: 'You press more than this game takes, so the server has left out a part.',
  betweenLong: (seconds: number) => `The game starts again in about ${seconds} s. You keep your place.`,
  updating: 'The server is being updated: you go on in a moment',

  // The settings
  settings: 'Settings',
  close: 'Close',
  automatic: 'Automatic',
  resolutionCost: 'More pixels need more bandwidth and a stronger server.',
  frameRateCost: 'More pictures per second react sooner and need more bandwidth.',
  bitrateMax: 'Bitrate at most',
  bitrateCost: 'A lower limit saves data. Fast movement looks less clear.',
  scaling: 'Enlarged picture',
  smooth: 'Smooth',
  sharp: 'Sharp pixels',
  scalingCost: 'Costs nothing. Sharp pixels suit pixel art.',
  language: 'Language',
  screenshotKey: 'Screenshot key',
  screenshotKeyCost: 'The game does not get this key.',
  pressKey: 'Press a key…',
  reset: 'Reset all',
  fixedByAddress: 'The address of this page sets this.',
  applying: 'Changing the picture…',
  applied: 'Done.',
  refused: (reason: string) => `The server refused: ${reason}`,

  // The controls
  controls: 'Controls',
  mouseSensitivity: 'Mouse sensitivity',
  stickSensitivity: 'Stick sensitivity',
  deadZone: 'Dead zone of sticks',
  touchScale: 'Size of touch controls',
  invertY: 'Invert up and down',
  leftHanded: 'Left-handed touch controls',
  keys: 'Keys',
  addKey: 'Change a key',
  removeKey: 'Remove',
  pressOwnKey: 'Press the key that you want to use',
  pressGameKey: 'Press the key of the game that it stands for',
  usualControls: 'Usual controls',

  // Screenshots and recordings
  screenshot: 'Screenshot',
  screenshotSaved: 'Screenshot saved',
  screenshotFailed: 'There is no picture to save yet',
  record: 'Record',
  stopRecording: 'Stop recording',
  recording: 'Recording',
  recordingSaved: 'Recording saved',
  recordingPart: 'A part of the recording was saved. It goes on in another file.',
  recordingFailed: (reason: string) => `The recording stopped: ${reason}`,
  cannotRecord: 'This browser cannot record.',

  // The invitation
  invite: 'Invite',
  inviteText: 'Share this link, or let a phone read the code.',
  inviteLocal: 'This link works only on this computer.',
  link: 'Link',
  copy: 'Copy',
  copied: 'Copied',
  copyFailed: 'Select the link and copy it.',
  share: 'Share',
  qrCode: 'QR code of the link',
};

/** All texts in one language. */
export type ToolLabels = Labels & typeof ENGLISH_TOOLS;
