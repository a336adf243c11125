/** The texts of the page in English, except those of the tools. A text with a value in it is a function. */
export const ENGLISH = {
  game: 'Game',
  start: 'Start',
  stopped: 'Stopped',
  view: 'View',
  play: 'Play',
  retry: 'Retry',
  defaults: 'Play with the default settings',
  ready: 'Ready',
  noScript: 'Nearlight needs JavaScript and WebRTC.',

  // The hints on the first card
  jump: 'Jump',
  fire: 'Fire',
  hintMove: 'or arrow keys to move',
  hintLook: 'to look, click to act',
  hintFree: 'to free the mouse',
  hintStick: 'left thumb to move',
  hintDrag: 'drag on the right to look',
  hintButton: 'button to act',
  turnPhone: 'Turn your phone for a larger picture',
  clickToControl: 'Click to control the game with the mouse, press Tab for the buttons',
  lockedKeys: 'Esc frees the mouse',
  lockedFull: 'Esc frees the mouse. Hold Esc to leave full screen.',

  // The form for a text that a game asks for
  submit: 'OK',
  cancel: 'Cancel',

  // States of the connection
  connecting: 'Connecting',
  connectingShort: 'connecting…',
  connectingLong: 'Connecting to the game',
  connectingAgain: (attempt: number) => `Connecting again, attempt ${attempt}`,
  waitsUntilShown: 'The game begins when you look at this page.',
  waitingShort: 'waiting…',
  seatsTaken: 'All seats are taken',
  queue: (position: number) =>
    `You are number ${position} in the queue. The game begins by itself when it is your turn.`,
  reconnectingShort: 'reconnecting…',
  reconnecting: 'Reconnecting…',
  reconnectingWhy: (reason: string) => `Reconnecting… ${reason}`,
  seatKept: (seconds: number) => `Your seat is kept for ${seconds} s.`,
  playing: 'playing',
  watching: 'watching',
  notConnected: 'not connected',
  stoppedShort: 'stopped',
  between: 'The next game is about to start. You keep your place.',
  busy: (got: string, wanted: string) => `This server is busy: your picture is ${got} instead of ${wanted}.`,
  picture: (width: number, height: number, fps: number) => `${width} × ${height} at ${fps} fps`,
  unsteady: 'unsteady network',
  poor: 'poor network',

  // Headlines when the page has stopped
  gameStopped: 'The game stopped',
  notAvailable: 'Not available here',
  cannotPlay: 'This browser cannot play',
  // Messages of the client
  notReady: 'The server is not ready yet.',
  noAnswer: 'The server does not answer.',
  connectionLost: 'The connection was lost.',
  noPicture: 'No picture arrived in time.',
  oldBrowser: 'This browser does not tell when a picture is shown. A current browser does.',
  noDecoder: 'This browser can decode the picture neither by WebRTC nor by WebCodecs. A current browser can.',

  // The bar and the statistics
  volume: 'Volume',
  sound: 'Sound',
  soundOn: 'Sound: on',
  soundOff: 'Sound: off',
  soundBlocked: 'Sound: off until you click',
  statistics: 'Statistics',
  fullScreen: 'Full screen',
  frameRate: 'Frame rate',
  latencyP50: 'Latency p50',
  latencyP99: 'Latency p99',
  roundTrip: 'Round trip',
  serverTime: 'Server time',
  resolution: 'Resolution',
  bitrate: 'Bitrate',
  dropped: 'Dropped frames',
  lost: 'Lost packets',
  connection: 'Connection',
  network: 'Network',
  waiting: 'Waiting',
  drawing: 'Drawing',
  encoding: 'Encoding',
  sending: 'Sending',
  decoding: 'Decoding',
  display: 'Display',

  settingsDropped: 'This server refused your picture settings. They are automatic again.',
};

/** The texts of the page in one language. */
export type Labels = typeof ENGLISH;
