/** All tests of pods on this checkout's keeper that need no containerd of their own. They share one. */
// It counts what is open, so it comes before those that may leave a process waiting for work.
import './pods/leaks.ts';
import './pods/pod.ts';
import './pods/drain.ts';
import './pods/faults.ts';
import './pods/images.ts';
import './pods/beside.ts';
import './pods/isolation.ts';
import './pods/namespaces.ts';
import './pods/cri.ts';
