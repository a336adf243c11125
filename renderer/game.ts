// What a game's entry file exports for the host: import { ... } from '@nearlight/sdk/game'.
export { init, join, leave, load, render, save, tick, version } from './sdk/game';
