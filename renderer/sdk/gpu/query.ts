import { ObjectKind } from '../enums';
import { GpuObject } from './object';

/** Describes a query set to make (GPUQuerySetDescriptor). */
export class QuerySetDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** A QueryType: whether the queries count samples or take times. */
  type!: u32;
  /** How many queries the set holds. */
  count: u32 = 0;
}

/** A set of queries: counts of samples or times, which the GPU writes (GPUQuerySet). */
export class QuerySet extends GpuObject {
  /** A QueryType: whether the queries count samples or take times. */
  type: u32;
  /** How many queries the set holds. */
  count: u32;

  constructor(id: u32, type: u32, count: u32) {
    super(ObjectKind.querySet, id);
    this.type = type;
    this.count = count;
  }
}

/**
 * Where a pass writes the times at which it begins and ends (GPURenderPassTimestampWrites, GPUComputePassTimestampWrites).
 * A host allows timestamps only in development, if its setting GPU_TIMESTAMPS is true: see device.hasFeature.
 */
export class TimestampWrites {
  /** The query set to write times to, of type `timestamp`. */
  querySet!: QuerySet;
  /** Index of the query for the time at which the pass begins; -1 for none. */
  beginningOfPassWriteIndex: i32 = -1;
  /** Index of the query for the time at which the pass ends; -1 for none. */
  endOfPassWriteIndex: i32 = -1;
}
