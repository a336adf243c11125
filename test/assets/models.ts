import {
  type Document,
  Document as GltfDocument,
  Logger,
  type Material,
  NodeIO,
  type Primitive,
} from '@gltf-transform/core';
import {
  ALL_EXTENSIONS,
  EXTMeshoptCompression,
  KHRDracoMeshCompression,
  KHRMaterialsEmissiveStrength,
  KHRMaterialsUnlit,
  KHRTextureTransform,
} from '@gltf-transform/extensions';
import { quantize, reorder } from '@gltf-transform/functions';
import draco from 'draco3dgltf';
import { MeshoptDecoder } from 'meshoptimizer/decoder';
import { MeshoptEncoder } from 'meshoptimizer/encoder';
import sharp from 'sharp';
import { must } from '../../host/base/assert.ts';

/** Colours in the texture of the model `palette`, from left to right. PALETTE_UV is the middle of the second. */
export const PALETTE = [
  [255, 0, 0],
  [40, 200, 60],
  [0, 0, 255],
  [255, 255, 0],
] as const;
const PALETTE_UV = [0.375, 0.5];

const positionsOf = (primitive: Primitive) => must(primitive.getAttribute('POSITION'), 'positions');
const newDocument = (): Document => new GltfDocument().setLogger(new Logger(Logger.Verbosity.SILENT));

/** Makes a sphere of `columns` x `rows` quads with normals and texture coordinates. */
export function sphere(document: Document, columns = 48, rows = 24, radius = 1): Primitive {
  const positions: number[] = [];
  const uvs: number[] = [];
  const indices: number[] = [];
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const [u, v] = [column / columns, row / rows];
      const [theta, phi] = [v * Math.PI, u * 2 * Math.PI];
      positions.push(Math.sin(theta) * Math.sin(phi), Math.cos(theta), Math.sin(theta) * Math.cos(phi));
      uvs.push(u, v);
      const at = row * (columns + 1) + column;
      if (row === rows || column === columns) continue;
      if (row > 0) indices.push(at, at + columns + 1, at + 1);
      if (row < rows - 1) indices.push(at + 1, at + columns + 1, at + columns + 2);
    }
  }
  const buffer = document.getRoot().listBuffers()[0] ?? document.createBuffer();
  const floats = (type: 'VEC2' | 'VEC3', values: number[]) =>
    document.createAccessor().setBuffer(buffer).setType(type).setArray(new Float32Array(values));
  return document
    .createPrimitive()
    .setAttribute(
      'POSITION',
      floats(
        'VEC3',
        positions.map((value) => value * radius),
      ),
    )
    .setAttribute('NORMAL', floats('VEC3', positions))
    .setAttribute('TEXCOORD_0', floats('VEC2', uvs))
    .setIndices(document.createAccessor().setBuffer(buffer).setArray(new Uint16Array(indices)));
}

/** Adds a glTF primitive to the scene of a document. Returns the new node. */
export function show(document: Document, primitive: Primitive, translation: [number, number, number] = [0, 0, 0]) {
  const scene = document.getRoot().listScenes()[0] ?? document.createScene();
  const node = document.createNode().setMesh(document.createMesh().addPrimitive(primitive)).setTranslation(translation);
  scene.addChild(node);
  return node;
}

/** Makes a square PNG. @param color returns the channels of a texel, each from 0 to 255 */
export function picture(size: number, color: (x: number, y: number) => number[]): Promise<Buffer> {
  const channels = color(0, 0).length as 1 | 2 | 3 | 4;
  const data = Buffer.alloc(size * size * channels);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (const [k, value] of color(x, y).entries()) data[(y * size + x) * channels + k] = value;
  return sharp(data, { raw: { width: size, height: size, channels } })
    .png()
    .toBuffer();
}

const checker = (x: number, y: number, size: number) => ((x / size) ^ (y / size)) & 1;

async function textured(document: Document, size = 64): Promise<Material> {
  const texture = async (image: Promise<Buffer>) =>
    document
      .createTexture()
      .setImage(new Uint8Array(await image))
      .setMimeType('image/png');
  const bump = (x: number, y: number) => {
    const [u, v] = [(x % 16) / 8 - 1, (y % 16) / 8 - 1];
    const inside = u * u + v * v < 0.8;
    return [inside ? 128 + u * 90 : 128, inside ? 128 - v * 90 : 128, 230];
  };
  return document
    .createMaterial()
    .setBaseColorTexture(await texture(picture(size, (x, y) => (checker(x, y, 8) ? [220, 120, 40] : [40, 60, 140]))))
    .setMetallicRoughnessTexture(
      await texture(picture(size, (x, y) => [255, checker(x, y, 16) ? 60 : 160, checker(x, y, 8) ? 0 : 255])),
    )
    .setNormalTexture(await texture(picture(size, bump)))
    .setOcclusionTexture(await texture(picture(size, () => [255, 255, 255])));
}

async function io(): Promise<NodeIO> {
  await Promise.all([MeshoptDecoder.ready, MeshoptEncoder.ready]);
  return new NodeIO().registerExtensions(ALL_EXTENSIONS).registerDependencies({
    'meshopt.decoder': MeshoptDecoder,
    'meshopt.encoder': MeshoptEncoder,
    'draco3d.encoder': await draco.createEncoderModule(),
    'draco3d.decoder': await draco.createDecoderModule(),
  });
}

async function glb(document: Document): Promise<Uint8Array> {
  return (await io()).writeBinary(document);
}

const float = (document: Document, type: 'SCALAR' | 'VEC3' | 'VEC4' | 'MAT4', values: ArrayLike<number>) =>
  document
    .createAccessor()
    .setBuffer(document.getRoot().listBuffers()[0] ?? document.createBuffer())
    .setType(type)
    .setArray(Float32Array.from(values));

async function base(): Promise<Uint8Array> {
  const document = newDocument();
  show(document, sphere(document).setMaterial(await textured(document)));
  return glb(document);
}

async function transformed(): Promise<Uint8Array> {
  const document = newDocument();
  const material = await textured(document);
  const transform = document.createExtension(KHRTextureTransform).createTransform();
  transform.setScale([3, 2]).setRotation(0.5).setOffset([0.1, 0.2]);
  must(material.getBaseColorTextureInfo(), 'texture').setExtension('KHR_texture_transform', transform);
  show(document, sphere(document).setMaterial(material));
  return glb(document);
}

async function quantized(): Promise<Uint8Array> {
  const document = newDocument();
  show(document, sphere(document).setMaterial(await textured(document)));
  await document.transform(quantize());
  return glb(document);
}

async function meshopt(): Promise<Uint8Array> {
  const document = newDocument();
  show(document, sphere(document).setMaterial(await textured(document)));
  await MeshoptEncoder.ready;
  await document.transform(reorder({ encoder: MeshoptEncoder }), quantize());
  document
    .createExtension(EXTMeshoptCompression)
    .setRequired(true)
    .setEncoderOptions({ method: 'filter' as never });
  return glb(document);
}

async function dracoed(): Promise<Uint8Array> {
  const document = newDocument();
  show(document, sphere(document).setMaterial(await textured(document)));
  document.createExtension(KHRDracoMeshCompression).setRequired(true);
  return glb(document);
}

/** A model of five spheres: opaque, masked, blended, unlit, and one that glows and has coloured vertices. */
async function alpha(): Promise<Uint8Array> {
  const document = newDocument();
  const holes = await picture(64, (x, y) => [90, 200, 120, checker(x, y, 8) ? 255 : 40]);
  const texture = document.createTexture().setImage(new Uint8Array(holes)).setMimeType('image/png');
  for (const [index, mode] of (['OPAQUE', 'MASK', 'BLEND'] as const).entries()) {
    const material = document.createMaterial().setAlphaMode(mode).setBaseColorTexture(texture).setDoubleSided(true);
    material.setMetallicFactor(0).setRoughnessFactor(0.4);
    show(document, sphere(document).setMaterial(material), [index * 2.4 - 4.8, 0, 0]);
  }
  const unlit = document.createMaterial().setBaseColorFactor([0.9, 0.3, 0.2, 1]);
  unlit.setExtension('KHR_materials_unlit', document.createExtension(KHRMaterialsUnlit).createUnlit());
  show(document, sphere(document).setMaterial(unlit), [2.4, 0, 0]);
  const glow = document.createMaterial().setEmissiveFactor([0.2, 0.5, 1]);
  const strength = document.createExtension(KHRMaterialsEmissiveStrength).createEmissiveStrength();
  glow.setExtension('KHR_materials_emissive_strength', strength.setEmissiveStrength(4));
  const colored = sphere(document).setMaterial(glow);
  const count = positionsOf(colored).getCount();
  const colors = Float32Array.from({ length: count * 4 }, (_, i) => (i % 4 === 3 ? 1 : (i >> 2) / count));
  show(document, colored.setAttribute('COLOR_0', float(document, 'VEC4', colors)), [4.8, 0, 0]);
  return glb(document);
}

/** A model of a bar with two joints that bends. Its rotation is animated by cubic splines, and its scale in steps. */
async function skinned(): Promise<Uint8Array> {
  const document = newDocument();
  const bar = sphere(document, 32, 48).setMaterial(await textured(document));
  const positions = positionsOf(bar);
  const joints: number[] = [];
  const weights: number[] = [];
  for (let i = 0; i < positions.getCount(); i++) {
    const [x = 0, y = 0, z = 0] = positions.getElement(i, [0, 0, 0]);
    positions.setElement(i, [x * 0.5, y * 2, z * 0.5]);
    const upper = Math.min(Math.max(y * 2 + 0.5, 0), 1);
    joints.push(0, 1, 0, 0);
    weights.push(1 - upper, upper, 0, 0);
  }
  bar.setAttribute('JOINTS_0', float(document, 'VEC4', []).setArray(new Uint8Array(joints)));
  bar.setAttribute('WEIGHTS_0', float(document, 'VEC4', weights));
  const node = show(document, bar);
  const root = document.createNode('lower');
  const upper = document.createNode('upper');
  must(document.getRoot().listScenes()[0], 'scene').addChild(root.addChild(upper));
  const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const skin = document.createSkin().addJoint(root).addJoint(upper);
  node.setSkin(skin.setInverseBindMatrices(float(document, 'MAT4', [...identity, ...identity])));
  const turn = (angle: number) => [0, 0, Math.sin(angle / 2), Math.cos(angle / 2)];
  const still = [0, 0, 0, 0];
  const spline = [turn(0), turn(1.2), turn(0)].flatMap((value) => [...still, ...value, ...still]);
  const animation = document.createAnimation('bend');
  const add = (
    target: typeof root,
    path: 'rotation' | 'scale',
    interpolation: 'CUBICSPLINE' | 'STEP',
    values: number[],
  ) => {
    const sampler = document.createAnimationSampler().setInterpolation(interpolation);
    sampler.setInput(float(document, 'SCALAR', [0, 1, 2]));
    sampler.setOutput(float(document, path === 'rotation' ? 'VEC4' : 'VEC3', values));
    animation.addSampler(sampler);
    animation.addChannel(
      document.createAnimationChannel().setTargetNode(target).setTargetPath(path).setSampler(sampler),
    );
  };
  add(upper, 'rotation', 'CUBICSPLINE', spline);
  add(root, 'scale', 'STEP', [1, 1, 1, 1.2, 1, 1.2, 1, 1, 1]);
  return glb(document);
}

/** A model of a sphere with two animated morph targets, a spike and a bulge. */
async function morphed(): Promise<Uint8Array> {
  const document = newDocument();
  const ball = sphere(document).setMaterial(document.createMaterial().setMetallicFactor(0.1).setRoughnessFactor(0.3));
  const count = positionsOf(ball).getCount();
  for (const axis of [0, 1]) {
    const deltas = new Float32Array(count * 3);
    for (let i = 0; i < count; i++) {
      const along = must(positionsOf(ball).getElement(i, [0, 0, 0])[axis], 'coordinate');
      deltas[i * 3 + axis] = Math.max(0, along) ** 6 * 1.5;
    }
    const target = document.createPrimitiveTarget();
    target.setAttribute('POSITION', float(document, 'VEC3', deltas).setSparse(axis === 1));
    ball.addTarget(target);
  }
  const node = show(document, ball);
  must(node.getMesh(), 'mesh').setWeights([0.5, 0.25]);
  const sampler = document.createAnimationSampler().setInput(float(document, 'SCALAR', [0, 1, 2]));
  sampler.setOutput(float(document, 'SCALAR', [0, 0, 1, 0.5, 0, 0]));
  const channel = document.createAnimationChannel().setTargetNode(node).setTargetPath('weights').setSampler(sampler);
  document.createAnimation().addSampler(sampler).addChannel(channel);
  return glb(document);
}

/** A model of a triangle strip, a fan, lines, and triangles; all without normals or indices. */
async function modes(): Promise<Uint8Array> {
  const document = newDocument();
  const flat = (mode: number, values: number[]) =>
    document
      .createPrimitive()
      .setMode(mode as 4)
      .setAttribute('POSITION', float(document, 'VEC3', values));
  const strip = [0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 2, 0, 1, 2, 0];
  show(document, flat(5, strip));
  show(document, flat(6, [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0]), [2, 0, 0]);
  show(document, flat(1, strip), [4, 0, 0]);
  show(document, flat(4, [0, 0, 0, 1, 0, 0, 0, 1, 0]), [4, 0, 0]);
  return glb(document);
}

/** A model that contains nothing opaque: a sphere of glass. */
async function glass(): Promise<Uint8Array> {
  const document = newDocument();
  const material = document.createMaterial().setAlphaMode('BLEND').setBaseColorFactor([0.9, 0.5, 0.2, 0.6]);
  show(document, sphere(document).setMaterial(material.setMetallicFactor(0).setRoughnessFactor(0.1)));
  return glb(document);
}

/** Makes a material without lighting, so that the rendered picture has exactly the colours of the texels. */
async function unlit(document: Document, texels: Promise<Buffer>): Promise<Material> {
  const texture = document
    .createTexture()
    .setImage(new Uint8Array(await texels))
    .setMimeType('image/png');
  const material = document.createMaterial().setBaseColorTexture(texture);
  return material.setExtension('KHR_materials_unlit', document.createExtension(KHRMaterialsUnlit).createUnlit());
}

/** Makes a quad. @param corners counterclockwise, as seen from the front of the quad */
function quad(document: Document, corners: readonly (readonly number[])[]): Primitive {
  const indices = float(document, 'SCALAR', []).setArray(new Uint16Array([0, 1, 2, 0, 2, 3]));
  return document
    .createPrimitive()
    .setAttribute('POSITION', float(document, 'VEC3', corners.flat()))
    .setIndices(indices);
}

const UPRIGHT = [
  [-1, -1, 0],
  [1, -1, 0],
  [1, 1, 0],
  [-1, 1, 0],
] as const;

/** A model of a quad whose corners share one texture coordinate, as in models that take their colours from a palette. */
async function palette(): Promise<Uint8Array> {
  const document = newDocument();
  const stripes = picture(4, (x) => [...must(PALETTE[x], 'colour')]);
  const primitive = quad(document, UPRIGHT).setMaterial(await unlit(document, stripes));
  const uvs = document.createAccessor().setType('VEC2').setBuffer(must(document.getRoot().listBuffers()[0], 'buffer'));
  primitive.setAttribute('TEXCOORD_0', uvs.setArray(Float32Array.from([0, 1, 2, 3].flatMap(() => PALETTE_UV))));
  show(document, primitive);
  return glb(document);
}

/** A model of a cube of one colour that has a texture but no texture coordinates. */
async function bare(): Promise<Uint8Array> {
  const document = newDocument();
  const material = await unlit(
    document,
    picture(4, () => [...PALETTE[1]]),
  );
  const turns = [[0, 0, 0, 1], [0, 1, 0, 0], ...[0, 1].flatMap((axis) => [-1, 1].map((side) => quarter(axis, side)))];
  for (const turn of turns) {
    const face = quad(
      document,
      UPRIGHT.map(([x, y]) => [x, y, 1]),
    );
    show(document, face.setMaterial(material)).setRotation(turn as [number, number, number, number]);
  }
  return glb(document);
}

/** Returns a quaternion for a quarter turn about an axis. @param side 1 or -1, for the direction */
function quarter(axis: number, side: number): number[] {
  return [0, 1, 2].map((at) => (at === axis ? side * Math.SQRT1_2 : 0)).concat(Math.SQRT1_2);
}

/** A model of a single horizontal quad. */
async function level(): Promise<Uint8Array> {
  const document = newDocument();
  const corners = UPRIGHT.map(([x, y]) => [x, 0, -y]);
  show(document, quad(document, corners).setMaterial(document.createMaterial().setMetallicFactor(0)));
  return glb(document);
}

/** A model of two rows of spheres, one metallic and one not, with increasing roughness. */
async function materials(): Promise<Uint8Array> {
  const document = newDocument();
  for (let metallic = 0; metallic < 2; metallic++) {
    for (let step = 0; step < 6; step++) {
      const material = document
        .createMaterial()
        .setMetallicFactor(metallic)
        .setRoughnessFactor(step / 5);
      material.setBaseColorFactor(metallic ? [1, 0.72, 0.3, 1] : [0.6, 0.05, 0.04, 1]);
      show(document, sphere(document, 48, 24).setMaterial(material), [step * 2.3 - 5.75, metallic * 2.3, 0]);
    }
  }
  return glb(document);
}

/** Functions that make the glTF models for tests, by name. */
export const models: Record<string, () => Promise<Uint8Array>> = {
  base,
  transformed,
  quantized,
  meshopt,
  draco: dracoed,
  alpha,
  skinned,
  morphed,
  modes,
  glass,
  materials,
};

/** Functions that make models whose pictures are known exactly: of a single colour, or evenly lit. */
export const surfaces: Record<string, () => Promise<Uint8Array>> = { palette, bare, level };
