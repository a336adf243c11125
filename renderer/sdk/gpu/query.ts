import { ObjectKind } from '../enums';
import { GpuObject } from './object';

/** GPUQuerySetDescriptor. */
export class QuerySetDescriptor {
  label: string = '';
  /** A QueryType. */
  type!: u32;
  count: u32 = 0;
}

/** GPUQuerySet. */
export class QuerySet extends GpuObject {
  type: u32;
  count: u32;

  constructor(id: u32, type: u32, count: u32) {
    super(ObjectKind.querySet, id);
    this.type = type;
    this.count = count;
  }
}

/** GPURenderPassTimestampWrites and GPUComputePassTimestampWrites; an index of -1 means "not given". */
export class TimestampWrites {
  querySet!: QuerySet;
  beginningOfPassWriteIndex: i32 = -1;
  endOfPassWriteIndex: i32 = -1;
}
