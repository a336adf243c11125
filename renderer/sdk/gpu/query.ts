import { ObjectKind } from '../enums';
import { GpuObject } from './object';

/** Describes a query set to make (GPUQuerySetDescriptor). */
export class QuerySetDescriptor {
  /** Names the object in messages. */
  label: string = '';
  /** A QueryType. */
  type!: u32;
  /** How many queries the set holds. */
  count: u32 = 0;
}

/** Queries whose results the GPU writes (GPUQuerySet). */
export class QuerySet extends GpuObject {
  /** A QueryType. */
  type: u32;
  /** How many queries the set holds. */
  count: u32;

  constructor(id: u32, type: u32, count: u32) {
    super(ObjectKind.querySet, id);
    this.type = type;
    this.count = count;
  }
}

/** Where a pass writes the times of its begin and end (GPURenderPassTimestampWrites, GPUComputePassTimestampWrites). */
export class TimestampWrites {
  /** A set of type `timestamp`. */
  querySet!: QuerySet;
  /** The query for the time at which the pass begins; -1 for none. */
  beginningOfPassWriteIndex: i32 = -1;
  /** The query for the time at which the pass ends; -1 for none. */
  endOfPassWriteIndex: i32 = -1;
}
