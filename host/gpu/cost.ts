/**
 * Bytes of the host's memory that a GPU object of each kind takes in addition to its contents: for JavaScript's object, Dawn's
 * and the driver's. Measured on llvmpipe, and rounded up; other drivers and the null backend take less.
 */
export const OBJECT_BYTES = {
  buffer: 3072,
  texture: 3072,
  textureView: 2048,
  sampler: 2048,
  bindGroupLayout: 2048,
  pipelineLayout: 1024,
  bindGroup: 6144,
  shaderModule: 49_152,
  renderPipeline: 262_144,
  computePipeline: 131_072,
  querySet: 1024,
  renderBundle: 6144,
} as const;
/** Bytes for each entry of a bind group layout, and of a bind group. */
export const LAYOUT_ENTRY_BYTES = 256;
export const GROUP_ENTRY_BYTES = 32;
/** Bytes for each byte of WGSL: of a shader module, whose syntax tree is kept, and of the code that a pipeline compiles. */
export const MODULE_CODE_BYTES = 640;
export const PIPELINE_CODE_BYTES = 64;
