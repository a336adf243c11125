/** The report that the edge service of a node sends to the fleet each second. It is checked once, here, where the fleet reads it. */
import { NearlightError } from '../../base/errors.ts';
import { HOST_REPORT_BOUNDS, type HostReport, readHostReport } from '../../base/host-report.ts';

/** Size limit of a report, in bytes. */
export const REPORT_BYTES_MAX = 4 * 2 ** 20;
/** Pods of a node. The kubelet's usual limit is 110; ours is far above what a node can hold. */
export const PODS_MAX = 2048;
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** A pod of a report. */
export type ServerReport = HostReport;

export interface NodeReport {
  readonly node: string;
  readonly pods: readonly ServerReport[];
}

/** Reads a report. @param node the node that the request names @throws NearlightError NL_FLEET_REQUEST */
export function readNodeReport(node: string, body: Readonly<Record<string, unknown>>): NodeReport {
  const { pods } = body;
  if (!NAME.test(node) || body.node !== node) return refuse('node is not the name of the node in the address');
  if (!Array.isArray(pods) || pods.length > PODS_MAX) return refuse(`pods is not a list of at most ${PODS_MAX} pods`);
  const read = pods.map((pod, index) => {
    const report = readHostReport(pod);
    return report ?? refuse(`pods[${index}] is not a report of a game server: ${HOST_REPORT_BOUNDS}`);
  });
  if (new Set(read.map(({ uid }) => uid)).size !== read.length) return refuse('pods names a pod twice');
  return { node, pods: read };
}

function refuse(detail: string): never {
  throw new NearlightError('NL_FLEET_REQUEST', detail);
}
