import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import type { Mount } from './tasks.ts';

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

/**
 * The protobuf messages from containerd that we decode, as plain records. Fields that were not sent have the defaults of
 * proto3.
 */
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

const ROOT = new protobuf.Root();
protobuf.parse(readFileSync(join(import.meta.dirname, 'containerd.proto'), 'utf8'), ROOT);
ROOT.resolveAll();
const CONVERSION = { longs: Number, defaults: true, arrays: true } as const;

/** Decodes a message that containerd.proto defines. @throws Error if the bytes are not such a message */
export function decode<Name extends string>(
  name: Name,
  bytes: Uint8Array,
): Name extends keyof Messages ? Messages[Name] : Record<string, unknown> {
  const type = ROOT.lookupType(name);
  return type.toObject(type.decode(bytes), CONVERSION) as never;
}

/** Encodes a message that containerd.proto defines. Missing fields get the defaults of proto3. */
export function encode(name: string, message: object): Uint8Array {
  return ROOT.lookupType(name).encode(message).finish();
}

/** Converts a date to a google.protobuf.Timestamp. */
export function timestamp(date: Date): Timestamp {
  const ms = date.getTime();
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

// protobufjs compiles the code for a message when it is first used. Use each once now, not while a pod starts.
for (const type of ROOT.nestedArray) if (type instanceof protobuf.Type) type.decode(type.encode({}).finish());
