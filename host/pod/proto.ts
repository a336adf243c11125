import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** A google.protobuf.Any. */
export interface Any {
  typeUrl: string;
  value: Uint8Array;
}

/** A google.protobuf.Timestamp. */
export interface Timestamp {
  seconds: number;
  nanos: number;
}

interface Mount {
  type: string;
  source: string;
  target: string;
  options: string[];
}

/** The messages that are read here, as plain records; fields that were not sent have proto3's defaults. */
export interface Messages {
  Request: { service: string; method: string; payload: Uint8Array };
  Response: { status: { code: number; message: string } | null; payload: Uint8Array };
  CreateTaskRequest: {
    id: string;
    bundle: string;
    rootfs: Mount[];
    terminal: boolean;
    stdin: string;
    stdout: string;
    stderr: string;
  };
  CreateTaskResponse: { pid: number };
  ProcessRequest: { id: string; execId: string };
  IdRequest: { id: string };
  KillRequest: { id: string; execId: string; signal: number; all: boolean };
  ExecProcessRequest: {
    id: string;
    execId: string;
    terminal: boolean;
    stdin: string;
    stdout: string;
    stderr: string;
    spec: Any | null;
  };
  UpdateTaskRequest: { id: string; resources: Any | null };
  ShutdownRequest: { id: string; now: boolean };
  ForwardRequest: { envelope: { timestamp: Timestamp; namespace: string; topic: string; event: Any } };
}

const root = new protobuf.Root();
protobuf.parse(readFileSync(join(import.meta.dirname, 'containerd.proto'), 'utf8'), root);
root.resolveAll();
const whole = { longs: Number, defaults: true, arrays: true } as const;

/** Reads a message of containerd.proto. @throws Error where the bytes are none */
export function decode<Name extends string>(
  name: Name,
  bytes: Uint8Array,
): Name extends keyof Messages ? Messages[Name] : Record<string, unknown> {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), whole) as never;
}

/** Writes a message of containerd.proto; absent fields have proto3's defaults. */
export function encode(name: string, message: object): Uint8Array {
  return root.lookupType(name).encode(message).finish();
}

/** A Timestamp of a date. */
export function timestamp(date: Date): Timestamp {
  const ms = date.getTime();
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

// protobufjs compiles a message's code when it is first used, which would be in the middle of a pod's start.
for (const type of root.nestedArray) if (type instanceof protobuf.Type) type.decode(type.encode({}).finish());
