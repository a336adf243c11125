import { NearlightError } from '../base/errors.ts';
import { Bindings } from './bindings.ts';
import { Budget, Work, type WorkLimits } from './budget.ts';
import { BusRequests } from './bus.ts';
import { RoomCompiler } from './compiler.ts';
import { ComputePass } from './compute.ts';
import { Copies } from './copies.ts';
import { CommandRecords, type Handler } from './decode.ts';
import { CommandEncoder } from './encoder.ts';
import { DeviceGroups } from './groups.ts';
import { Notices } from './notices.ts';
import { Objects } from './objects.ts';
import { Pinpoint } from './pinpoint.ts';
import { Pipelines } from './pipelines.ts';
import { Places, RefusedError } from './place.ts';
import { PlayerRequests } from './player.ts';
import { Queue } from './queue.ts';
import { Fault, Reader } from './reader.ts';
import { RenderBundleRecorder } from './recorder.ts';
import { Refusals } from './refusals.ts';
import { RenderPass } from './render.ts';
import { Replies, type RepliesOptions } from './replies.ts';
import { ErrorScopes } from './scope.ts';
import { StaticPasses } from './static.ts';
import { createTables } from './table.ts';
import { RenderTarget } from './target.ts';
import { GpuTimer } from './timer.ts';
import { Overrun, type ShaderVetting } from './vetting.ts';

/** Limits on what a room may use of the GPU. Each comes from the setting of the same name: gpuMsMax from GPU_MS_MAX. */
export interface ReplayLimits extends WorkLimits {
  gpuObjectsMax: number;
  gpuBufferBytesMax: number;
  gpuBytesMax: number;
  gpuObjectBytesMax: number;
  gpuMsMax: number;
  shaderBytesMax: number;
  shaderTurnsMax: number;
  shaderMsMax: number;
  replayMsMax: number;
  mapBytesMax: number;
  dataBytesMax: number;
}

export interface ReplayOptions extends RepliesOptions {
  device: GPUDevice;
  limits: ReplayLimits;
  /** Returns the contents of the game's asset with this handle; undefined if there is none. */
  asset(handle: number): Uint8Array | undefined;
  log(level: 'error' | 'warn', message: string): void;
  /** If true, the module may create timestamp queries. They are a clock, so this is for development. */
  timestamps?: boolean;
  /** Tries shaders and pipelines before this process compiles them. Without it, they are compiled untried. */
  vetting?: ShaderVetting;
  /** If true, each error that the GPU reports late names its command. This costs time, so it is for development. */
  pinpoint?: boolean;
}

export type ReplayParts = ReturnType<typeof createParts>;

/** Creates the objects that together execute a module's commands. Each gets only objects that were created before it. */
export function createParts(options: ReplayOptions) {
  const { device, limits, asset } = options;
  const log: ReplayOptions['log'] = (level, message) => options.log(level, message);
  const reader = new Reader();
  const memory = new Budget(limits.gpuObjectBytesMax, 'GPU_OBJECT_BYTES_MAX');
  const tables = createTables(limits.gpuObjectsMax, memory);
  const bindings = new Bindings({ reader, limits: device.limits });
  const places = new Places({ reader, tables, bindings });
  const refusals = new Refusals(places);
  const notices = new Notices();
  const replies = new Replies(options);
  const budget = new Budget(limits.gpuBytesMax, 'GPU_BYTES_MAX');
  const work = new Work(limits);
  const timer = device.features.has('timestamp-query')
    ? new GpuTimer(device, (ms, renders) => notices.gpu(ms, renders))
    : undefined;
  const scopes = new ErrorScopes({ device, replies, log });
  const pinpoint = options.pinpoint ? new Pinpoint({ device, reader, scopes, places, notices, refusals }) : undefined;
  const compiler = new RoomCompiler({
    device,
    msMax: limits.shaderMsMax,
    refuser: (failure) => (scopes.catch(failure) ? () => {} : refusals.forCommand()),
    trials: options.vetting && { vetting: options.vetting, namer: () => namer(places) },
    onOverdue(cause) {
      const error = cause instanceof NearlightError ? cause : new NearlightError('NL_COMMAND', cause.message);
      // If this comes before a room observes the replay, the module's next call throws the error.
      if (notices.wantsErrors) notices.error(error);
      else refusals.keep(error);
    },
    onHung: () => notices.hung(),
  });
  const records = new CommandRecords();
  const renderPass = new RenderPass({ reader, tables, work, bindings, limits: device.limits });
  const computePass = new ComputePass({ work, bindings });
  const target = new RenderTarget({ reader, tables, limits: device.limits });
  const staticPasses = new StaticPasses((bytes) => DeviceGroups.of(device).drop(bytes));
  const recorder = new RenderBundleRecorder({ device, reader, tables, records, target, bindings, renderPass });
  const encoder = new CommandEncoder({
    device,
    reader,
    target,
    staticPasses,
    recorder,
    bindings,
    renderPass,
    computePass,
    timer,
  });
  const queue = new Queue({
    device,
    reader,
    refusals,
    replies,
    encoder,
    asset,
    uploadBytesMax: limits.gpuBytesMax,
    // Mapped bytes return to the module in the memory for bulk data, each range with a head of two words.
    mapBytesMax: Math.min(limits.mapBytesMax, limits.dataBytesMax / 4),
  });
  const { gpuBufferBytesMax, shaderBytesMax, shaderTurnsMax } = limits;
  const objects = new Objects({
    device,
    reader,
    tables,
    budget,
    memory,
    scopes,
    staticPasses,
    encoder,
    renderPass,
    gpuBufferBytesMax,
    timestamps: options.timestamps ?? false,
    untilIdle: () => compiler.untilIdle(),
  });
  const player = new PlayerRequests({ notices, replies });
  const bus = new BusRequests({ reader, notices });
  const handler: Handler = {
    tables,
    records,
    objects,
    pipelines: new Pipelines({ device, tables, compiler, replies, shaderBytesMax, shaderTurnsMax, log }),
    scopes,
    queue,
    copies: new Copies(encoder),
    encoder,
    bindings,
    renderPass,
    computePass,
    player,
    bus,
  };
  return {
    reader,
    places,
    refusals,
    notices,
    replies,
    tables,
    budget,
    memory,
    work,
    timer,
    scopes,
    pinpoint,
    compiler,
    staticPasses,
    encoder,
    queue,
    objects,
    player,
    bus,
    handler,
  };
}

/** Returns a function that converts an error of a trial into a coded one that names the command that is current now. */
function namer(places: Places): (error: unknown) => Error {
  const place = places.current;
  return (error) => {
    if (error instanceof Overrun) return new RefusedError('NL_SHADER', place, error.message);
    if (error instanceof Fault) return new RefusedError('NL_COMMAND', place, error.message);
    return error as Error;
  };
}
