// The functions that a game exports to the host. Its entry file re-exports them: export { ... } from '@nearlight/sdk/game'.
export { audio, init, join, leave, load, render, save, tick, version } from './sdk/game';
