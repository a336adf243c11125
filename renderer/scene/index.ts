// A small renderer for packed glTF models, on top of the SDK: import { ... } from '@nearlight/sdk/scene'.
export { Environment } from './environment';
export { ModelFile, openModel } from './file';
export { materialLayout } from './materials';
export { Model } from './model';
export { Orbit } from './orbit';
export { DEPTH_FORMAT, Pipelines, SHADOW_FORMAT } from './pipelines';
export { GROUND_VERTICES, SKY_VERTICES, VIEW_BYTES } from './shaders';
export { Bounds } from './transform';
