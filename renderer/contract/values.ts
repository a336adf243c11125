/** The enums and flags that fields of commands have as values, the keys of a keyboard, and the parts of a gamepad. */

const KINDS = [
  'buffer',
  'texture',
  'textureView',
  'sampler',
  'bindGroupLayout',
  'pipelineLayout',
  'bindGroup',
  'shaderModule',
  'renderPipeline',
  'computePipeline',
  'querySet',
  'renderBundle',
] as const;

export type Kind = (typeof KINDS)[number];

const TEXTURE_FORMATS = [
  'r8unorm r8snorm r8uint r8sint r16uint r16sint r16float rg8unorm rg8snorm rg8uint rg8sint',
  'r32uint r32sint r32float rg16uint rg16sint rg16float rgba8unorm rgba8unorm-srgb rgba8snorm rgba8uint rgba8sint',
  'bgra8unorm bgra8unorm-srgb rgb9e5ufloat rgb10a2uint rgb10a2unorm rg11b10ufloat rg32uint rg32sint rg32float',
  'rgba16uint rgba16sint rgba16float rgba32uint rgba32sint rgba32float',
  'stencil8 depth16unorm depth24plus depth24plus-stencil8 depth32float depth32float-stencil8',
  'bc1-rgba-unorm bc1-rgba-unorm-srgb bc2-rgba-unorm bc2-rgba-unorm-srgb bc3-rgba-unorm bc3-rgba-unorm-srgb',
  'bc4-r-unorm bc4-r-snorm bc5-rg-unorm bc5-rg-snorm bc6h-rgb-ufloat bc6h-rgb-float bc7-rgba-unorm bc7-rgba-unorm-srgb',
  'r16unorm r16snorm rg16unorm rg16snorm rgba16unorm rgba16snorm',
  'etc2-rgb8unorm etc2-rgb8unorm-srgb etc2-rgb8a1unorm etc2-rgb8a1unorm-srgb etc2-rgba8unorm etc2-rgba8unorm-srgb',
  'eac-r11unorm eac-r11snorm eac-rg11unorm eac-rg11snorm',
  ...['4x4', '5x4', '5x5', '6x5', '6x6', '8x5', '8x6', '8x8', '10x5', '10x6', '10x8', '10x10', '12x10', '12x12'].map(
    (block) => `astc-${block}-unorm astc-${block}-unorm-srgb`,
  ),
];

const FEATURE_NAMES = [
  'depth-clip-control depth32float-stencil8 texture-compression-bc texture-compression-bc-sliced-3d',
  'texture-compression-etc2 texture-compression-astc texture-compression-astc-sliced-3d timestamp-query',
  'indirect-first-instance shader-f16 rg11b10ufloat-renderable bgra8unorm-storage float32-filterable float32-blendable',
  'clip-distances dual-source-blending subgroups texture-formats-tier1 texture-formats-tier2 primitive-index',
];

const LIMIT_NAMES = [
  'maxTextureDimension1D maxTextureDimension2D maxTextureDimension3D maxTextureArrayLayers maxBindGroups',
  'maxBindGroupsPlusVertexBuffers maxBindingsPerBindGroup maxDynamicUniformBuffersPerPipelineLayout',
  'maxDynamicStorageBuffersPerPipelineLayout maxSampledTexturesPerShaderStage maxSamplersPerShaderStage',
  'maxStorageBuffersPerShaderStage maxStorageTexturesPerShaderStage maxUniformBuffersPerShaderStage',
  'maxUniformBufferBindingSize maxStorageBufferBindingSize minUniformBufferOffsetAlignment',
  'minStorageBufferOffsetAlignment maxVertexBuffers maxBufferSize maxVertexAttributes maxVertexBufferArrayStride',
  'maxInterStageShaderVariables maxColorAttachments maxColorAttachmentBytesPerSample maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup maxComputeWorkgroupSizeX maxComputeWorkgroupSizeY maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
];

const VERTEX_FORMATS = [
  'uint8 uint8x2 uint8x4 sint8 sint8x2 sint8x4 unorm8 unorm8x2 unorm8x4 snorm8 snorm8x2 snorm8x4',
  'uint16 uint16x2 uint16x4 sint16 sint16x2 sint16x4 unorm16 unorm16x2 unorm16x4 snorm16 snorm16x2 snorm16x4',
  'float16 float16x2 float16x4 float32 float32x2 float32x3 float32x4 uint32 uint32x2 uint32x3 uint32x4',
  'sint32 sint32x2 sint32x3 sint32x4 unorm10-10-10-2 unorm8x4-bgra',
];

const words = (lines: string[]): string[] => lines.join(' ').split(' ');

/** The enums of the contract, most of them WebGPU's. Commands give a name by its place in the list, counted from 1. */
export const ENUMS = {
  ObjectKind: [...KINDS],
  TextureFormat: words(TEXTURE_FORMATS),
  TextureDimension: ['1d', '2d', '3d'],
  TextureViewDimension: ['1d', '2d', '2d-array', 'cube', 'cube-array', '3d'],
  TextureAspect: ['all', 'stencil-only', 'depth-only'],
  AddressMode: ['clamp-to-edge', 'repeat', 'mirror-repeat'],
  FilterMode: ['nearest', 'linear'],
  CompareFunction: ['never', 'less', 'equal', 'less-equal', 'greater', 'not-equal', 'greater-equal', 'always'],
  BufferBindingType: ['uniform', 'storage', 'read-only-storage'],
  SamplerBindingType: ['filtering', 'non-filtering', 'comparison'],
  TextureSampleType: ['float', 'unfilterable-float', 'depth', 'sint', 'uint'],
  StorageTextureAccess: ['write-only', 'read-only', 'read-write'],
  PrimitiveTopology: ['point-list', 'line-list', 'line-strip', 'triangle-list', 'triangle-strip'],
  FrontFace: ['ccw', 'cw'],
  CullMode: ['none', 'front', 'back'],
  IndexFormat: ['uint16', 'uint32'],
  VertexFormat: words(VERTEX_FORMATS),
  VertexStepMode: ['vertex', 'instance'],
  BlendOperation: ['add', 'subtract', 'reverse-subtract', 'min', 'max'],
  BlendFactor: words([
    'zero one src one-minus-src src-alpha one-minus-src-alpha dst one-minus-dst dst-alpha one-minus-dst-alpha',
    'src-alpha-saturated constant one-minus-constant src1 one-minus-src1 src1-alpha one-minus-src1-alpha',
  ]),
  StencilOperation: words(['keep zero replace invert increment-clamp decrement-clamp increment-wrap decrement-wrap']),
  LoadOp: ['load', 'clear'],
  StoreOp: ['store', 'discard'],
  QueryType: ['occlusion', 'timestamp'],
  ErrorFilter: ['validation', 'out-of-memory', 'internal'],
  Phase: ['waiting', 'active', 'ended'],
  FeatureName: words(FEATURE_NAMES),
  LimitName: words(LIMIT_NAMES),
} as const satisfies Record<string, readonly string[]>;

/** The flags that commands hold, with the bits that WebGPU gives them. */
export const FLAGS = {
  BufferUsage: {
    MAP_READ: 1,
    MAP_WRITE: 2,
    COPY_SRC: 4,
    COPY_DST: 8,
    INDEX: 16,
    VERTEX: 32,
    UNIFORM: 64,
    STORAGE: 128,
    INDIRECT: 256,
    QUERY_RESOLVE: 512,
  },
  TextureUsage: { COPY_SRC: 1, COPY_DST: 2, TEXTURE_BINDING: 4, STORAGE_BINDING: 8, RENDER_ATTACHMENT: 16 },
  ShaderStage: { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 },
  ColorWrite: { RED: 1, GREEN: 2, BLUE: 4, ALPHA: 8, ALL: 15 },
} as const satisfies Record<string, Record<string, number>>;

/** Keys of a keyboard, by the SDK's names, with their USB HID usages of page 7 (HID Usage Tables 1.5, section 10). */
export const KEYS: Record<string, number> = {
  ...Object.fromEntries([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((letter, index) => [letter, 4 + index])),
  ...Object.fromEntries([...'1234567890'].map((digit, index) => [`Digit${digit}`, 30 + index])),
  Enter: 40,
  Escape: 41,
  Backspace: 42,
  Tab: 43,
  Space: 44,
  Right: 79,
  Left: 80,
  Down: 81,
  Up: 82,
  ControlLeft: 224,
  ShiftLeft: 225,
  AltLeft: 226,
  ControlRight: 228,
  ShiftRight: 229,
  AltRight: 230,
};

/** Buttons of a gamepad, by the SDK's names, with their places in the standard mapping (W3C Gamepad, section 12). */
export const PAD_BUTTONS: Record<string, number> = {
  South: 0,
  East: 1,
  West: 2,
  North: 3,
  LeftShoulder: 4,
  RightShoulder: 5,
  LeftTrigger: 6,
  RightTrigger: 7,
  Select: 8,
  Start: 9,
  LeftStick: 10,
  RightStick: 11,
  Up: 12,
  Down: 13,
  Left: 14,
  Right: 15,
  Home: 16,
};

/** Axes of a gamepad's sticks, by the SDK's names, with their places in the standard mapping. */
export const PAD_AXES: Record<string, number> = { LeftX: 0, LeftY: 1, RightX: 2, RightY: 3 };
