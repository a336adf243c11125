// The functions that a game exports to the host. Its entry file re-exports them: export { ... } from '@nearlight/sdk/game'.
export {
  audio,
  exportPlayer as export_player,
  importPlayer as import_player,
  init,
  join,
  leave,
  load,
  render,
  save,
  tick,
  version,
} from './sdk/game';
