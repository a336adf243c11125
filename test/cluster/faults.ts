/** A fault that a real Kubernetes has shown. */
export interface Fault {
  row: number;
  fault: string;
}

/**
 * Every fault that Nearlight had when pods first ran under a real control plane. The tests of a fault have names that begin with
 * `fault N:` and say the right outcome. The command prints a table of all rows, also of those without a test.
 */
export const FAULTS: readonly Fault[] = [
  { row: 1, fault: '/metrics fails in the installed node bundle' },
  { row: 2, fault: 'a host that hangs is not restarted, and its pod cannot be deleted' },
  { row: 3, fault: 'the DaemonSet of the node bundle never becomes ready' },
  { row: 4, fault: 'a rollout, a drain or a scale-down ends matches at once' },
  { row: 5, fault: 'the autoscaler and the number of replicas in the manifests work against each other' },
  { row: 6, fault: 'changed settings of a node have no effect until the node restarts' },
  { row: 7, fault: 'limits by the clock end healthy games on a busy node' },
  { row: 8, fault: 'metrics of containers leave out the host' },
  { row: 9, fault: 'players are held for less time than Kubernetes waits between restarts' },
  { row: 10, fault: 'under memory pressure, games rank like processes of the system' },
  { row: 11, fault: 'volumes, arguments and further containers are ignored without a word' },
  { row: 12, fault: 'on a node without a GPU, the pods of the manifests never start' },
  { row: 13, fault: 'a game that traps after some seconds looks healthy until someone joins' },
  { row: 14, fault: 'the log of a host is only on its node' },
  { row: 15, fault: 'the manifests show no way in from outside the cluster' },
  { row: 16, fault: 'the overhead that the manifests name leaves half of a node unused' },
];

interface Result {
  title: string;
  status: string;
}

/** Formats a table with the outcome of each row's tests: `holds`, `FAILS`, or `no test`. */
export function faultTable(results: readonly Result[]): string {
  const lines = FAULTS.map(({ row, fault }) => {
    const own = results.filter(({ title }) => title.includes(`fault ${row}: `));
    const failed = own.filter(({ status }) => status !== 'passed');
    const outcome = own.length === 0 ? 'no test' : failed.length > 0 ? 'FAILS' : 'holds';
    return `${String(row).padStart(3)}  ${outcome.padEnd(8)} ${fault}`;
  });
  return `${lines.join('\n')}\n`;
}
