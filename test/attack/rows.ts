/** A weakness that an attack has shown. Its tests are in the file row-NN-*.test.ts. */
export interface Row {
  row: number;
  severity: 'critical' | 'high' | 'medium' | 'low';
  weakness: string;
}

/**
 * Every weakness that was shown by a working attack before version 0.1.0. `npm run test:attack` makes the attacks again on an
 * installed node bundle. `npm test` does not, as long as one of them succeeds.
 */
export const ROWS: readonly Row[] = [
  { row: 1, severity: 'critical', weakness: 'an image reads files of the node' },
  { row: 2, severity: 'high', weakness: 'a shader stops the host while it is parsed' },
  { row: 3, severity: 'high', weakness: "a shader exhausts the host's memory" },
  { row: 4, severity: 'high', weakness: "an image's assets exhaust the host's memory" },
  { row: 5, severity: 'high', weakness: 'the compiler of modules is barely confined' },
  { row: 6, severity: 'high', weakness: 'code runs before its process is confined' },
  { row: 7, severity: 'high', weakness: 'a guest signals processes of the node' },
  { row: 8, severity: 'high', weakness: "the pod's securityContext is ignored" },
  { row: 9, severity: 'high', weakness: 'offers without a packet hold all seats' },
  { row: 10, severity: 'medium', weakness: "the operator's pages are open on the players' port" },
  { row: 11, severity: 'medium', weakness: 'one tenant delays compilation for the node' },
  { row: 12, severity: 'medium', weakness: 'a module sees a clock' },
  { row: 13, severity: 'medium', weakness: "strangers choose pictures that starve a player's" },
  { row: 14, severity: 'medium', weakness: 'a broken log pipe ends the host' },
  { row: 15, severity: 'low', weakness: 'DNS rebinding, malformed requests, late timeouts, uncounted objects' },
];
