import type { Cluster, ClusterNode } from './cluster.ts';

/**
 * Lists everything on a node that pods might leave behind: commands of processes, mounts, cgroups, network namespaces and devices,
 * files of the hosts, and what containerd knows. The files of hosts that wait for pods are left out.
 */
const LIST = String.raw`
warm=$(ls /run/nearlight/warm 2>/dev/null)
for path in /proc/[0-9]*; do tr '\0' ' ' <$path/cmdline 2>/dev/null | sed 's/^/process /'; echo; done
findmnt -rno TARGET | grep -v '^/proc/sys' | sed 's/^/mount /'
find /sys/fs/cgroup -path '*pod*' -type d 2>/dev/null | sed 's/^/cgroup /'
ls /run/netns 2>/dev/null | sed 's/^/network /'
ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/device \1/'
for folder in host claim state pod/k8s.io; do
  for file in $(ls /run/nearlight/$folder 2>/dev/null); do
    case " $(echo $warm) " in *" ${'$'}{file%.sock} "*) ;; *) echo file $folder/$file ;; esac
  done
done
ctr -n k8s.io task ls -q | sed 's/^/task /'
ctr -n k8s.io container ls -q | sed 's/^/container /'
`;

/** Lists what is on a node, sorted. */
export async function inventory(node: ClusterNode): Promise<string[]> {
  // The nodes share the hierarchies of cgroups; the name of a node's own cgroup is that of its folder.
  const cgroup = node.folder.split('/').slice(-2).join('-');
  const lines = (await node.exec('sh', '-c', LIST)).split('\n').map((line) => line.trim());
  const isOwn = (line: string) => !line.startsWith('cgroup ') || line.includes(`/${cgroup}/`);
  return lines.filter((line) => line !== '' && line !== 'process' && isOwn(line)).sort();
}

/** Waits until a node has nothing that it did not have before. @throws Error with what is left */
export async function expectNothingLeft(cluster: Cluster, node: ClusterNode, before: readonly string[]): Promise<void> {
  let left: string[] = [];
  await cluster
    .until(async () => {
      const known = [...before];
      left = (await inventory(node)).filter((entry) => {
        const at = known.indexOf(entry);
        if (at >= 0) known.splice(at, 1);
        return at < 0;
      });
      return left.length === 0;
    }, 'a node as it was')
    .catch(() => {
      throw new Error(`left behind on ${node.name}:\n${left.join('\n')}`);
    });
}
