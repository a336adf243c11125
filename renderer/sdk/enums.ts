// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.

/** Kinds of GPU objects that a game can make. 0 means "not given" where a value may be left out. */
export namespace ObjectKind {
  export const buffer: u32 = 1;
  export const texture: u32 = 2;
  export const textureView: u32 = 3;
  export const sampler: u32 = 4;
  export const bindGroupLayout: u32 = 5;
  export const pipelineLayout: u32 = 6;
  export const bindGroup: u32 = 7;
  export const shaderModule: u32 = 8;
  export const renderPipeline: u32 = 9;
  export const computePipeline: u32 = 10;
  export const querySet: u32 = 11;
  export const renderBundle: u32 = 12;
}

/** Values of WebGPU's GPUTextureFormat. 0 means "not given" where a value may be left out. */
export namespace TextureFormat {
  export const r8unorm: u32 = 1;
  export const r8snorm: u32 = 2;
  export const r8uint: u32 = 3;
  export const r8sint: u32 = 4;
  export const r16uint: u32 = 5;
  export const r16sint: u32 = 6;
  export const r16float: u32 = 7;
  export const rg8unorm: u32 = 8;
  export const rg8snorm: u32 = 9;
  export const rg8uint: u32 = 10;
  export const rg8sint: u32 = 11;
  export const r32uint: u32 = 12;
  export const r32sint: u32 = 13;
  export const r32float: u32 = 14;
  export const rg16uint: u32 = 15;
  export const rg16sint: u32 = 16;
  export const rg16float: u32 = 17;
  export const rgba8unorm: u32 = 18;
  export const rgba8unormSrgb: u32 = 19;
  export const rgba8snorm: u32 = 20;
  export const rgba8uint: u32 = 21;
  export const rgba8sint: u32 = 22;
  export const bgra8unorm: u32 = 23;
  export const bgra8unormSrgb: u32 = 24;
  export const rgb9e5ufloat: u32 = 25;
  export const rgb10a2uint: u32 = 26;
  export const rgb10a2unorm: u32 = 27;
  export const rg11b10ufloat: u32 = 28;
  export const rg32uint: u32 = 29;
  export const rg32sint: u32 = 30;
  export const rg32float: u32 = 31;
  export const rgba16uint: u32 = 32;
  export const rgba16sint: u32 = 33;
  export const rgba16float: u32 = 34;
  export const rgba32uint: u32 = 35;
  export const rgba32sint: u32 = 36;
  export const rgba32float: u32 = 37;
  export const stencil8: u32 = 38;
  export const depth16unorm: u32 = 39;
  export const depth24plus: u32 = 40;
  export const depth24plusStencil8: u32 = 41;
  export const depth32float: u32 = 42;
  export const depth32floatStencil8: u32 = 43;
  export const bc1RgbaUnorm: u32 = 44;
  export const bc1RgbaUnormSrgb: u32 = 45;
  export const bc2RgbaUnorm: u32 = 46;
  export const bc2RgbaUnormSrgb: u32 = 47;
  export const bc3RgbaUnorm: u32 = 48;
  export const bc3RgbaUnormSrgb: u32 = 49;
  export const bc4RUnorm: u32 = 50;
  export const bc4RSnorm: u32 = 51;
  export const bc5RgUnorm: u32 = 52;
  export const bc5RgSnorm: u32 = 53;
  export const bc6hRgbUfloat: u32 = 54;
  export const bc6hRgbFloat: u32 = 55;
  export const bc7RgbaUnorm: u32 = 56;
  export const bc7RgbaUnormSrgb: u32 = 57;
  export const r16unorm: u32 = 58;
  export const r16snorm: u32 = 59;
  export const rg16unorm: u32 = 60;
  export const rg16snorm: u32 = 61;
  export const rgba16unorm: u32 = 62;
  export const rgba16snorm: u32 = 63;
  export const etc2Rgb8unorm: u32 = 64;
  export const etc2Rgb8unormSrgb: u32 = 65;
  export const etc2Rgb8a1unorm: u32 = 66;
  export const etc2Rgb8a1unormSrgb: u32 = 67;
  export const etc2Rgba8unorm: u32 = 68;
  export const etc2Rgba8unormSrgb: u32 = 69;
  export const eacR11unorm: u32 = 70;
  export const eacR11snorm: u32 = 71;
  export const eacRg11unorm: u32 = 72;
  export const eacRg11snorm: u32 = 73;
  export const astc4x4Unorm: u32 = 74;
  export const astc4x4UnormSrgb: u32 = 75;
  export const astc5x4Unorm: u32 = 76;
  export const astc5x4UnormSrgb: u32 = 77;
  export const astc5x5Unorm: u32 = 78;
  export const astc5x5UnormSrgb: u32 = 79;
  export const astc6x5Unorm: u32 = 80;
  export const astc6x5UnormSrgb: u32 = 81;
  export const astc6x6Unorm: u32 = 82;
  export const astc6x6UnormSrgb: u32 = 83;
  export const astc8x5Unorm: u32 = 84;
  export const astc8x5UnormSrgb: u32 = 85;
  export const astc8x6Unorm: u32 = 86;
  export const astc8x6UnormSrgb: u32 = 87;
  export const astc8x8Unorm: u32 = 88;
  export const astc8x8UnormSrgb: u32 = 89;
  export const astc10x5Unorm: u32 = 90;
  export const astc10x5UnormSrgb: u32 = 91;
  export const astc10x6Unorm: u32 = 92;
  export const astc10x6UnormSrgb: u32 = 93;
  export const astc10x8Unorm: u32 = 94;
  export const astc10x8UnormSrgb: u32 = 95;
  export const astc10x10Unorm: u32 = 96;
  export const astc10x10UnormSrgb: u32 = 97;
  export const astc12x10Unorm: u32 = 98;
  export const astc12x10UnormSrgb: u32 = 99;
  export const astc12x12Unorm: u32 = 100;
  export const astc12x12UnormSrgb: u32 = 101;
}

/** Values of WebGPU's GPUTextureDimension. 0 means "not given" where a value may be left out. */
export namespace TextureDimension {
  export const _1d: u32 = 1;
  export const _2d: u32 = 2;
  export const _3d: u32 = 3;
}

/** Values of WebGPU's GPUTextureViewDimension. 0 means "not given" where a value may be left out. */
export namespace TextureViewDimension {
  export const _1d: u32 = 1;
  export const _2d: u32 = 2;
  export const _2dArray: u32 = 3;
  export const cube: u32 = 4;
  export const cubeArray: u32 = 5;
  export const _3d: u32 = 6;
}

/** Values of WebGPU's GPUTextureAspect. 0 means "not given" where a value may be left out. */
export namespace TextureAspect {
  export const all: u32 = 1;
  export const stencilOnly: u32 = 2;
  export const depthOnly: u32 = 3;
}

/** Values of WebGPU's GPUAddressMode. 0 means "not given" where a value may be left out. */
export namespace AddressMode {
  export const clampToEdge: u32 = 1;
  export const repeat: u32 = 2;
  export const mirrorRepeat: u32 = 3;
}

/** Values of WebGPU's GPUFilterMode. 0 means "not given" where a value may be left out. */
export namespace FilterMode {
  export const nearest: u32 = 1;
  export const linear: u32 = 2;
}

/** Values of WebGPU's GPUCompareFunction. 0 means "not given" where a value may be left out. */
export namespace CompareFunction {
  export const never: u32 = 1;
  export const less: u32 = 2;
  export const equal: u32 = 3;
  export const lessEqual: u32 = 4;
  export const greater: u32 = 5;
  export const notEqual: u32 = 6;
  export const greaterEqual: u32 = 7;
  export const always: u32 = 8;
}

/** Values of WebGPU's GPUBufferBindingType. 0 means "not given" where a value may be left out. */
export namespace BufferBindingType {
  export const uniform: u32 = 1;
  export const storage: u32 = 2;
  export const readOnlyStorage: u32 = 3;
}

/** Values of WebGPU's GPUSamplerBindingType. 0 means "not given" where a value may be left out. */
export namespace SamplerBindingType {
  export const filtering: u32 = 1;
  export const nonFiltering: u32 = 2;
  export const comparison: u32 = 3;
}

/** Values of WebGPU's GPUTextureSampleType. 0 means "not given" where a value may be left out. */
export namespace TextureSampleType {
  export const float: u32 = 1;
  export const unfilterableFloat: u32 = 2;
  export const depth: u32 = 3;
  export const sint: u32 = 4;
  export const uint: u32 = 5;
}

/** Values of WebGPU's GPUStorageTextureAccess. 0 means "not given" where a value may be left out. */
export namespace StorageTextureAccess {
  export const writeOnly: u32 = 1;
  export const readOnly: u32 = 2;
  export const readWrite: u32 = 3;
}

/** Values of WebGPU's GPUPrimitiveTopology. 0 means "not given" where a value may be left out. */
export namespace PrimitiveTopology {
  export const pointList: u32 = 1;
  export const lineList: u32 = 2;
  export const lineStrip: u32 = 3;
  export const triangleList: u32 = 4;
  export const triangleStrip: u32 = 5;
}

/** Values of WebGPU's GPUFrontFace. 0 means "not given" where a value may be left out. */
export namespace FrontFace {
  export const ccw: u32 = 1;
  export const cw: u32 = 2;
}

/** Values of WebGPU's GPUCullMode. 0 means "not given" where a value may be left out. */
export namespace CullMode {
  export const none: u32 = 1;
  export const front: u32 = 2;
  export const back: u32 = 3;
}

/** Values of WebGPU's GPUIndexFormat. 0 means "not given" where a value may be left out. */
export namespace IndexFormat {
  export const uint16: u32 = 1;
  export const uint32: u32 = 2;
}

/** Values of WebGPU's GPUVertexFormat. 0 means "not given" where a value may be left out. */
export namespace VertexFormat {
  export const uint8: u32 = 1;
  export const uint8x2: u32 = 2;
  export const uint8x4: u32 = 3;
  export const sint8: u32 = 4;
  export const sint8x2: u32 = 5;
  export const sint8x4: u32 = 6;
  export const unorm8: u32 = 7;
  export const unorm8x2: u32 = 8;
  export const unorm8x4: u32 = 9;
  export const snorm8: u32 = 10;
  export const snorm8x2: u32 = 11;
  export const snorm8x4: u32 = 12;
  export const uint16: u32 = 13;
  export const uint16x2: u32 = 14;
  export const uint16x4: u32 = 15;
  export const sint16: u32 = 16;
  export const sint16x2: u32 = 17;
  export const sint16x4: u32 = 18;
  export const unorm16: u32 = 19;
  export const unorm16x2: u32 = 20;
  export const unorm16x4: u32 = 21;
  export const snorm16: u32 = 22;
  export const snorm16x2: u32 = 23;
  export const snorm16x4: u32 = 24;
  export const float16: u32 = 25;
  export const float16x2: u32 = 26;
  export const float16x4: u32 = 27;
  export const float32: u32 = 28;
  export const float32x2: u32 = 29;
  export const float32x3: u32 = 30;
  export const float32x4: u32 = 31;
  export const uint32: u32 = 32;
  export const uint32x2: u32 = 33;
  export const uint32x3: u32 = 34;
  export const uint32x4: u32 = 35;
  export const sint32: u32 = 36;
  export const sint32x2: u32 = 37;
  export const sint32x3: u32 = 38;
  export const sint32x4: u32 = 39;
  export const unorm1010102: u32 = 40;
  export const unorm8x4Bgra: u32 = 41;
}

/** Values of WebGPU's GPUVertexStepMode. 0 means "not given" where a value may be left out. */
export namespace VertexStepMode {
  export const vertex: u32 = 1;
  export const instance: u32 = 2;
}

/** Values of WebGPU's GPUBlendOperation. 0 means "not given" where a value may be left out. */
export namespace BlendOperation {
  export const add: u32 = 1;
  export const subtract: u32 = 2;
  export const reverseSubtract: u32 = 3;
  export const min: u32 = 4;
  export const max: u32 = 5;
}

/** Values of WebGPU's GPUBlendFactor. 0 means "not given" where a value may be left out. */
export namespace BlendFactor {
  export const zero: u32 = 1;
  export const one: u32 = 2;
  export const src: u32 = 3;
  export const oneMinusSrc: u32 = 4;
  export const srcAlpha: u32 = 5;
  export const oneMinusSrcAlpha: u32 = 6;
  export const dst: u32 = 7;
  export const oneMinusDst: u32 = 8;
  export const dstAlpha: u32 = 9;
  export const oneMinusDstAlpha: u32 = 10;
  export const srcAlphaSaturated: u32 = 11;
  export const constant: u32 = 12;
  export const oneMinusConstant: u32 = 13;
  export const src1: u32 = 14;
  export const oneMinusSrc1: u32 = 15;
  export const src1Alpha: u32 = 16;
  export const oneMinusSrc1Alpha: u32 = 17;
}

/** Values of WebGPU's GPUStencilOperation. 0 means "not given" where a value may be left out. */
export namespace StencilOperation {
  export const keep: u32 = 1;
  export const zero: u32 = 2;
  export const replace: u32 = 3;
  export const invert: u32 = 4;
  export const incrementClamp: u32 = 5;
  export const decrementClamp: u32 = 6;
  export const incrementWrap: u32 = 7;
  export const decrementWrap: u32 = 8;
}

/** Values of WebGPU's GPULoadOp. 0 means "not given" where a value may be left out. */
export namespace LoadOp {
  export const load: u32 = 1;
  export const clear: u32 = 2;
}

/** Values of WebGPU's GPUStoreOp. 0 means "not given" where a value may be left out. */
export namespace StoreOp {
  export const store: u32 = 1;
  export const discard: u32 = 2;
}

/** Values of WebGPU's GPUQueryType. 0 means "not given" where a value may be left out. */
export namespace QueryType {
  export const occlusion: u32 = 1;
  export const timestamp: u32 = 2;
}

/** Values of WebGPU's GPUErrorFilter. 0 means "not given" where a value may be left out. */
export namespace ErrorFilter {
  export const validation: u32 = 1;
  export const outOfMemory: u32 = 2;
  export const internal: u32 = 3;
}

/** Phases of a match. 0 means "not given" where a value may be left out. */
export namespace Phase {
  export const waiting: u32 = 1;
  export const active: u32 = 2;
  export const ended: u32 = 3;
}

/** Values of WebGPU's GPUFeatureName. 0 means "not given" where a value may be left out. */
export namespace FeatureName {
  export const depthClipControl: u32 = 1;
  export const depth32floatStencil8: u32 = 2;
  export const textureCompressionBc: u32 = 3;
  export const textureCompressionBcSliced3d: u32 = 4;
  export const textureCompressionEtc2: u32 = 5;
  export const textureCompressionAstc: u32 = 6;
  export const textureCompressionAstcSliced3d: u32 = 7;
  export const timestampQuery: u32 = 8;
  export const indirectFirstInstance: u32 = 9;
  export const shaderF16: u32 = 10;
  export const rg11b10ufloatRenderable: u32 = 11;
  export const bgra8unormStorage: u32 = 12;
  export const float32Filterable: u32 = 13;
  export const float32Blendable: u32 = 14;
  export const clipDistances: u32 = 15;
  export const dualSourceBlending: u32 = 16;
  export const subgroups: u32 = 17;
  export const textureFormatsTier1: u32 = 18;
  export const textureFormatsTier2: u32 = 19;
  export const primitiveIndex: u32 = 20;
}

/** Names of the GPU's limits (WebGPU's GPUSupportedLimits). 0 means "not given" where a value may be left out. */
export namespace LimitName {
  export const maxTextureDimension1D: u32 = 1;
  export const maxTextureDimension2D: u32 = 2;
  export const maxTextureDimension3D: u32 = 3;
  export const maxTextureArrayLayers: u32 = 4;
  export const maxBindGroups: u32 = 5;
  export const maxBindGroupsPlusVertexBuffers: u32 = 6;
  export const maxBindingsPerBindGroup: u32 = 7;
  export const maxDynamicUniformBuffersPerPipelineLayout: u32 = 8;
  export const maxDynamicStorageBuffersPerPipelineLayout: u32 = 9;
  export const maxSampledTexturesPerShaderStage: u32 = 10;
  export const maxSamplersPerShaderStage: u32 = 11;
  export const maxStorageBuffersPerShaderStage: u32 = 12;
  export const maxStorageTexturesPerShaderStage: u32 = 13;
  export const maxUniformBuffersPerShaderStage: u32 = 14;
  export const maxUniformBufferBindingSize: u32 = 15;
  export const maxStorageBufferBindingSize: u32 = 16;
  export const minUniformBufferOffsetAlignment: u32 = 17;
  export const minStorageBufferOffsetAlignment: u32 = 18;
  export const maxVertexBuffers: u32 = 19;
  export const maxBufferSize: u32 = 20;
  export const maxVertexAttributes: u32 = 21;
  export const maxVertexBufferArrayStride: u32 = 22;
  export const maxInterStageShaderVariables: u32 = 23;
  export const maxColorAttachments: u32 = 24;
  export const maxColorAttachmentBytesPerSample: u32 = 25;
  export const maxComputeWorkgroupStorageSize: u32 = 26;
  export const maxComputeInvocationsPerWorkgroup: u32 = 27;
  export const maxComputeWorkgroupSizeX: u32 = 28;
  export const maxComputeWorkgroupSizeY: u32 = 29;
  export const maxComputeWorkgroupSizeZ: u32 = 30;
  export const maxComputeWorkgroupsPerDimension: u32 = 31;
}

/** Bits of WebGPU's GPUBufferUsage. */
export namespace BufferUsage {
  export const MAP_READ: u32 = 1;
  export const MAP_WRITE: u32 = 2;
  export const COPY_SRC: u32 = 4;
  export const COPY_DST: u32 = 8;
  export const INDEX: u32 = 16;
  export const VERTEX: u32 = 32;
  export const UNIFORM: u32 = 64;
  export const STORAGE: u32 = 128;
  export const INDIRECT: u32 = 256;
  export const QUERY_RESOLVE: u32 = 512;
}

/** Bits of WebGPU's GPUTextureUsage. */
export namespace TextureUsage {
  export const COPY_SRC: u32 = 1;
  export const COPY_DST: u32 = 2;
  export const TEXTURE_BINDING: u32 = 4;
  export const STORAGE_BINDING: u32 = 8;
  export const RENDER_ATTACHMENT: u32 = 16;
}

/** Bits of WebGPU's GPUShaderStage. */
export namespace ShaderStage {
  export const VERTEX: u32 = 1;
  export const FRAGMENT: u32 = 2;
  export const COMPUTE: u32 = 4;
}

/** Bits of WebGPU's GPUColorWrite. */
export namespace ColorWrite {
  export const RED: u32 = 1;
  export const GREEN: u32 = 2;
  export const BLUE: u32 = 4;
  export const ALPHA: u32 = 8;
  export const ALL: u32 = 15;
}

/** Keys of a keyboard: their USB HID usages of page 7. */
export namespace Key {
  export const A: u32 = 4;
  export const B: u32 = 5;
  export const C: u32 = 6;
  export const D: u32 = 7;
  export const E: u32 = 8;
  export const F: u32 = 9;
  export const G: u32 = 10;
  export const H: u32 = 11;
  export const I: u32 = 12;
  export const J: u32 = 13;
  export const K: u32 = 14;
  export const L: u32 = 15;
  export const M: u32 = 16;
  export const N: u32 = 17;
  export const O: u32 = 18;
  export const P: u32 = 19;
  export const Q: u32 = 20;
  export const R: u32 = 21;
  export const S: u32 = 22;
  export const T: u32 = 23;
  export const U: u32 = 24;
  export const V: u32 = 25;
  export const W: u32 = 26;
  export const X: u32 = 27;
  export const Y: u32 = 28;
  export const Z: u32 = 29;
  export const Digit1: u32 = 30;
  export const Digit2: u32 = 31;
  export const Digit3: u32 = 32;
  export const Digit4: u32 = 33;
  export const Digit5: u32 = 34;
  export const Digit6: u32 = 35;
  export const Digit7: u32 = 36;
  export const Digit8: u32 = 37;
  export const Digit9: u32 = 38;
  export const Digit0: u32 = 39;
  export const Enter: u32 = 40;
  export const Escape: u32 = 41;
  export const Backspace: u32 = 42;
  export const Tab: u32 = 43;
  export const Space: u32 = 44;
  export const Right: u32 = 79;
  export const Left: u32 = 80;
  export const Down: u32 = 81;
  export const Up: u32 = 82;
  export const ControlLeft: u32 = 224;
  export const ShiftLeft: u32 = 225;
  export const AltLeft: u32 = 226;
  export const ControlRight: u32 = 228;
  export const ShiftRight: u32 = 229;
  export const AltRight: u32 = 230;
}

/** Buttons of a gamepad: their places in the standard mapping. */
export namespace PadButton {
  export const South: u32 = 0;
  export const East: u32 = 1;
  export const West: u32 = 2;
  export const North: u32 = 3;
  export const LeftShoulder: u32 = 4;
  export const RightShoulder: u32 = 5;
  export const LeftTrigger: u32 = 6;
  export const RightTrigger: u32 = 7;
  export const Select: u32 = 8;
  export const Start: u32 = 9;
  export const LeftStick: u32 = 10;
  export const RightStick: u32 = 11;
  export const Up: u32 = 12;
  export const Down: u32 = 13;
  export const Left: u32 = 14;
  export const Right: u32 = 15;
  export const Home: u32 = 16;
}

/** Axes of a gamepad's sticks: their places in the standard mapping. */
export namespace PadAxis {
  export const LeftX: u32 = 0;
  export const LeftY: u32 = 1;
  export const RightX: u32 = 2;
  export const RightY: u32 = 3;
}
