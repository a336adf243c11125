import { join } from 'node:path';
import { addonFlags, BPF_HEADER, buildTargets, NATIVE_FLAGS, NATIVE_FOLDER } from '../base/native.ts';

const KERNEL = 'kernel.node';
const RECEIVER = 'receiver.node';
const OPENER = 'opener';
const SUPERVISOR = 'supervisor';

/** The programs and Node addons of a pod's host, which exist once buildKernel() has resolved. */
export const POD_FILES = [KERNEL, RECEIVER, OPENER, SUPERVISOR] as const;
/** The Node addon with the system calls that the host of a pod needs (kernel.cc). */
export const kernelPath = join(NATIVE_FOLDER, KERNEL);
/** The Node addon that receives the files of images (receiver.cc). */
export const receiverPath = join(NATIVE_FOLDER, RECEIVER);
/** The program that opens images (opener.cc). */
export const openerPath = join(NATIVE_FOLDER, OPENER);
/** The program that starts the host of a pod and its guests (supervisor.cc). */
export const supervisorPath = join(NATIVE_FOLDER, SUPERVISOR);

/**
 * Builds POD_FILES, unless they exist and their sources have not changed. The image opener and the supervisor are linked
 * statically, because they run with privileges, and start in less than a millisecond this way.
 * @throws NearlightError NL_NO_WASMEDGE
 */
export function buildKernel(options: { folder?: string; compiler?: string } = {}): Promise<void> {
  const { folder = NATIVE_FOLDER, compiler } = options;
  const absolute = (...names: string[]) => names.map((name) => join(import.meta.dirname, name));
  const program = [...NATIVE_FLAGS, '-fno-exceptions', '-static'];
  const targets = [
    {
      name: KERNEL,
      sources: absolute('kernel.cc', 'peer.cc', 'message-socket.cc', 'filter.cc', 'root.cc'),
      headers: [
        ...absolute('../base/uv.h', 'peer.h', 'message-socket.h', 'messages.h', 'filter.h', 'root.h'),
        BPF_HEADER,
      ],
      flags: addonFlags(),
    },
    {
      name: RECEIVER,
      sources: absolute('receiver.cc'),
      headers: absolute('wire.h', 'messages.h'),
      flags: addonFlags(),
    },
    {
      name: OPENER,
      sources: absolute('opener.cc', 'image.cc', 'volume.cc'),
      headers: absolute('wire.h', 'messages.h', 'image.h', 'volume.h'),
      flags: program,
    },
    {
      name: SUPERVISOR,
      sources: absolute('supervisor.cc', 'events.cc', 'grants.cc', 'launch.cc', 'process.cc'),
      headers: [...absolute('events.h', 'grants.h', 'launch.h', 'messages.h', 'process.h'), BPF_HEADER],
      flags: program,
    },
  ];
  return buildTargets({ folder, targets, ...(compiler === undefined ? {} : { compiler }) });
}
