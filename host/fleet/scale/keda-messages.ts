import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** The messages of externalscaler.proto, as plain records. Fields that were not sent have the defaults of proto3. */
export interface ScaledObjectRef {
  name: string;
  namespace: string;
  scalerMetadata: Record<string, string>;
}

export interface GetMetricsRequest {
  scaledObjectRef: ScaledObjectRef | null;
  metricName: string;
}

export interface Responses {
  IsActiveResponse: { result: boolean };
  GetMetricSpecResponse: { metricSpecs: { metricName: string; targetSize: number; targetSizeFloat: number }[] };
  GetMetricsResponse: { metricValues: { metricName: string; metricValue: number; metricValueFloat: number }[] };
}

/** A map of the metadata of a trigger has few entries. */
const METADATA_MAX = 64;
const TEXT_CHARACTERS_MAX = 1024;

const ROOT = protobuf.parse(readFileSync(join(import.meta.dirname, 'externalscaler.proto'), 'utf8')).root;

function decode(name: string, bytes: Buffer): object {
  const type = ROOT.lookupType(`externalscaler.${name}`);
  return type.toObject(type.decode(bytes), { defaults: true, longs: Number });
}

function encode(name: string, value: object): Buffer {
  const type = ROOT.lookupType(`externalscaler.${name}`);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
}

function method<Q, A>(
  name: string,
  { request, response, isStream = false }: { request: string; response: string; isStream?: boolean },
) {
  const definition: MethodDefinition<Q, A> = {
    path: `/externalscaler.ExternalScaler/${name}`,
    requestStream: false,
    responseStream: isStream,
    requestSerialize: (value) => encode(request, value as object),
    requestDeserialize: (bytes) => decode(request, bytes) as Q,
    responseSerialize: (value) => encode(response, value as object),
    responseDeserialize: (bytes) => decode(response, bytes) as A,
  };
  return definition;
}

/** The service of externalscaler.proto. */
export const SERVICE = {
  isActive: method<ScaledObjectRef, Responses['IsActiveResponse']>('IsActive', {
    request: 'ScaledObjectRef',
    response: 'IsActiveResponse',
  }),
  streamIsActive: method<ScaledObjectRef, Responses['IsActiveResponse']>('StreamIsActive', {
    request: 'ScaledObjectRef',
    response: 'IsActiveResponse',
    isStream: true,
  }),
  getMetricSpec: method<ScaledObjectRef, Responses['GetMetricSpecResponse']>('GetMetricSpec', {
    request: 'ScaledObjectRef',
    response: 'GetMetricSpecResponse',
  }),
  getMetrics: method<GetMetricsRequest, Responses['GetMetricsResponse']>('GetMetrics', {
    request: 'GetMetricsRequest',
    response: 'GetMetricsResponse',
  }),
};

/** Says why the name of a ScaledObject or the metadata of its trigger is not valid; undefined if they are. */
export function faultOf({ name, namespace, scalerMetadata }: ScaledObjectRef): string | undefined {
  const entries = Object.entries(scalerMetadata);
  if (entries.length > METADATA_MAX) return `the trigger has more than ${METADATA_MAX} fields of metadata`;
  const isLong = [name, namespace, ...entries.flat()].some((text) => text.length > TEXT_CHARACTERS_MAX);
  return isLong ? `a name or a field of metadata has more than ${TEXT_CHARACTERS_MAX} characters` : undefined;
}
