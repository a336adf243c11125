/**
 * Every coded error. Codes are stable, because pages, logs and tests rely on them.
 * `exit` is the exit status of a process that the error ends, `http` the HTTP status of a request that fails with it.
 */
export const errors = {
  NL_INTERNAL: { exit: 70, text: 'The program has a bug and cannot go on' },
  NL_HOST_MEMORY: { exit: 35, http: 503, text: 'The host has no memory left for this' },
  NL_HOST_FILES: { exit: 36, http: 503, text: 'The host may not open more files' },
  NL_SOURCE: { exit: 1, text: 'The sources of a module do not compile' },
  NL_USAGE: { exit: 2, text: 'The command line cannot be understood' },
  NL_SETTING: { exit: 2, text: 'A setting is out of its bounds' },
  NL_PORT_IN_USE: { exit: 3, text: 'The port is in use' },
  NL_NO_GPU: { exit: 4, text: 'No usable GPU' },
  NL_NO_WASMEDGE: { exit: 5, text: 'WasmEdge cannot be used' },
  NL_NATIVE: { exit: 6, text: 'A native program of the host cannot be built' },
  NL_CONFINEMENT: { exit: 46, text: 'Modules cannot be confined on this system' },
  NL_MODULE_NOT_FOUND: { exit: 10, text: 'The module file cannot be read' },
  NL_MODULE_INVALID: { exit: 11, text: 'The file is not a valid WebAssembly module' },
  NL_MODULE_VERSION: { exit: 12, text: 'The module speaks another version of the contract' },
  NL_MODULE_EXPORT: { exit: 13, text: 'The module lacks an export or exports it with another type' },
  NL_MODULE_IMPORT: { exit: 14, text: 'The module imports something that the contract does not offer' },
  NL_MODULE_LIMIT: { exit: 15, text: 'The module asks for more than its limits allow' },
  NL_IMAGE: { exit: 17, text: 'The image holds no game' },
  NL_IMAGE_SIZE: { exit: 40, text: 'The image is too large' },
  NL_IMAGE_ASSETS: { exit: 41, text: 'The assets cannot be packed' },
  NL_REGISTRY: { exit: 42, text: 'The registry refused' },
  NL_RECORDING: { exit: 45, text: 'The recording cannot be used' },
  NL_INSTALL: { exit: 43, text: 'The node cannot be set up' },
  NL_MODEL: { exit: 44, text: 'The model cannot be packed' },
  NL_SOUND: { exit: 47, text: 'The sound cannot be packed' },
  NL_RULE: { exit: 51, text: 'The risk rule cannot be used' },
  NL_RULE_BUSY: { text: 'The risk rule has no time for this decision' },
  NL_POD: { exit: 18, text: 'The pod cannot be made' },
  NL_SECURITY_CONTEXT: { exit: 19, text: "The pod's securityContext cannot be honoured" },
  NL_COMPILE: { exit: 16, text: 'The module could not be compiled' },
  NL_GUEST_TRAP: { exit: 20, text: 'The module trapped' },
  NL_GUEST_TIMEOUT: { exit: 21, text: 'A call of the module did not return in time' },
  NL_GUEST_MEMORY: { exit: 22, text: 'The module ran out of memory' },
  NL_GUEST_CRASH: { exit: 23, text: 'The guest process crashed' },
  NL_GUEST_KILLED: { exit: 24, text: 'The guest process was killed from outside' },
  NL_GUEST_PROTOCOL: { exit: 25, text: 'The guest broke the contract' },
  NL_GUEST_EXIT: { text: 'The game ended itself' },
  NL_COMMAND: { exit: 30, text: 'The module sent an invalid command' },
  NL_GPU_VALIDATION: { exit: 31, text: 'The GPU refused a command' },
  NL_GPU_TIME: { exit: 34, text: 'The module kept the GPU for too long' },
  NL_SHADER: { exit: 35, text: 'A shader takes too much to compile' },
  NL_GPU_LOST: { exit: 32, text: 'The GPU device was lost' },
  NL_ENCODER: { exit: 33, text: 'The video encoder failed' },
  NL_NO_HOST: { exit: 49, text: 'No host answers' },
  NL_METRICS: { exit: 50, text: 'The metrics of the host cannot be read' },
  NL_STORE: { exit: 48, http: 503, text: 'The edge store cannot be used' },
  NL_STORE_FULL: { http: 503, text: 'The edge store has no room' },
  NL_STORE_BUSY: { http: 503, text: 'The edge store cannot keep up' },
  NL_STORE_VALUE: { http: 400, text: 'A value does not fit into the edge store' },
  NL_EDGE: { exit: 52, http: 503, text: 'The edge service of this node does not answer' },
  NL_EDGE_REQUEST: { http: 400, text: 'The request to the edge service cannot be used' },
  NL_KUBE: { exit: 53, http: 503, text: 'The Kubernetes API cannot be used' },
  NL_FLEET: { exit: 54, http: 503, text: 'The fleet cannot do this now' },
  NL_FLEET_REQUEST: { http: 400, text: 'The request to the fleet cannot be used' },
  NL_FLEET_FULL: { http: 503, text: 'No game server has room' },
  NL_FLEET_ROLE: { http: 403, text: 'The caller may not do this' },
  NL_OFFLINE: { http: 503, text: 'The centre cannot be reached' },
  NL_CHAOS: { http: 403, text: 'No faults can be injected into this host' },
  NL_FAULT: { http: 400, text: 'The faults cannot be used' },
  NL_EVENT: { http: 400, text: 'The events cannot be read' },
  NL_EVENT_TYPE: { http: 415, text: 'The events have the wrong content type' },
  NL_EVENT_SIZE: { http: 413, text: 'The events are too large' },
  NL_OFFER: { http: 400, text: 'The offer cannot be used' },
  NL_OFFER_TOO_LARGE: { http: 413, text: 'The offer is too large' },
  NL_OFFER_TYPE: { http: 415, text: 'The offer has the wrong content type' },
  NL_ICE_RESTART: { http: 422, text: 'The connection cannot be moved to another ICE session' },
  NL_REQUEST: { http: 400, text: 'The request cannot be used' },
  NL_PAGE_VERSION: { http: 409, text: 'Page and server speak different versions' },
  NL_HOST: { http: 421, text: 'The request names a host that is not served here' },
  NL_ORIGIN: { http: 403, text: 'Another site sent the request' },
  NL_NOT_FOUND: { http: 404, text: 'There is nothing at this address' },
  NL_METHOD: { http: 405, text: 'The address does not offer this method' },
  NL_OFFER_RATE: { http: 429, text: 'Too many players want to join at once' },
  NL_HALF_OPEN: { http: 503, text: 'Too many connections are being set up' },
  NL_ADDRESS_FULL: { http: 429, text: 'Too many players have the same address' },
  NL_ROOM_FULL: { http: 503, text: 'No seat is free' },
  NL_SPECTATORS: { http: 503, text: 'No one else can watch' },
  NL_SEAT_IN_USE: { http: 409, text: 'The seat is in use' },
  NL_NO_PLAYERS: { http: 503, text: 'No one plays the game' },
  NL_ROOM_ENDED: { http: 503, text: 'The game has ended' },
  NL_TOKEN_MISSING: { http: 401, text: 'The player has not signed in' },
  NL_TOKEN: { http: 401, text: "The player's token is not valid here" },
  NL_TOKEN_EXPIRED: { http: 401, text: "The player's token has expired" },
  NL_TICKET: { http: 401, text: 'The join ticket cannot be used' },
  NL_ISSUER: { http: 503, text: "Players' tokens cannot be checked now" },
  NL_ACCOUNT_RATE: { http: 429, text: 'The account joins too often' },
  NL_ACCOUNT_FULL: { http: 429, text: 'The account has too many seats' },
  NL_POLICY: { http: 403, text: 'The rules of this game refuse the player' },
  NL_POLICY_DOWN: { http: 503, text: 'The rules of this game cannot be asked now' },
  NL_RISK: { http: 403, text: 'A protection rule refuses the player' },
  NL_INPUT: { http: 400, text: 'The page sent a message that cannot be read' },
  NL_DISMISSED: { http: 429, text: 'A page of this player was dismissed for what it sent' },
  NL_INPUT_RATE: { http: 429, text: 'The page sends input too fast' },
  NL_CONNECTION: { http: 500, text: 'The connection could not be set up' },
  NL_BUS_RATE: { text: 'The game sends too many messages to other rooms' },
  NL_MOVE: { http: 409, text: 'The player cannot be moved' },
  NL_MOVE_TIME: { http: 504, text: 'A step of the move took too long' },
  NL_MOVE_MESSAGE: { http: 400, text: 'A message about a move cannot be used' },
  NL_MOVED: { text: 'The player plays on another host now' },
  NL_CARRY: { http: 409, text: 'The carry ticket cannot be used' },
  NL_DRAINING: { http: 503, text: 'The server takes no new players' },
  NL_SHUTDOWN: { http: 503, text: 'The server is shutting down' },
} as const satisfies Record<string, { text: string; exit?: number; http?: number }>;

export type ErrorCode = keyof typeof errors;

/** An error with a stable code. `message` is "CODE: text: detail". */
export class NearlightError extends Error {
  readonly code: ErrorCode;
  readonly detail: string;
  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${errors[code].text}: ${detail}`, options);
    this.name = 'NearlightError';
    this.code = code;
    this.detail = detail;
  }
}

/** NL_GUEST_EXIT: the module ended itself by calling `exit` (renderer/contract/ABI.md, "Imports"). */
export class GuestExit extends NearlightError {
  /** The status that the module passed, 0 to 255; 0 is success. */
  readonly status: number;
  constructor(status: number, call: string) {
    super('NL_GUEST_EXIT', `with status ${status} in ${call}`);
    this.status = status;
  }
}

/** The exit status of a process that `error` ends: the status that the game passed to `exit`, else the error code's, else 1. */
export function exitStatus(error: unknown): number {
  if (error instanceof GuestExit) return error.status;
  if (!(error instanceof NearlightError)) return 1;
  const entry: { text: string; exit?: number; http?: number } = errors[error.code];
  return entry.exit ?? 1;
}

/** Returns what is known of something that was thrown, which need not be an error. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
