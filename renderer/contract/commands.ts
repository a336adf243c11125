import { type Command, command, EXTENT } from './command.ts';
import { OBJECT_COMMANDS } from './object-commands.ts';
import { PASS_COMMANDS } from './pass-commands.ts';

export type { Command } from './command.ts';

const origin = (prefix: string): string[] => [`${prefix}X: u32`, `${prefix}Y: u32`, `${prefix}Z: u32`];
const BUFFER_LAYOUT = ['buffer: id buffer', 'offset: u32', 'bytesPerRow: u32', 'rowsPerImage: u32'];
const TEXTURE_SITE = ['texture: id texture', 'mipLevel: u32', ...origin('origin'), 'aspect: enum TextureAspect'];
const SOURCE_SITE = [
  'source: id texture',
  'sourceMipLevel: u32',
  ...origin('source'),
  'sourceAspect: enum TextureAspect',
];

const TIMESTAMP_WRITES = [
  'timestampQuerySet: id? querySet',
  'beginningOfPassWriteIndex: u32?',
  'endOfPassWriteIndex: u32?',
];

/** The commands that move data, submit work, and record into the command encoder outside of its passes. */
const QUEUE_COMMANDS: readonly Command[] = [
  command(32, 'writeBuffer', 'Writes bytes from linear memory into a buffer, before what is submitted later.', [
    'buffer: id buffer',
    'offset: u32',
    'data: bytes',
  ]),
  command(33, 'writeTexture', 'Writes texels from linear memory into a texture, before what is submitted later.', [
    ...TEXTURE_SITE,
    ...EXTENT,
    'bytesPerRow: u32',
    'rowsPerImage: u32',
    'data: bytes',
  ]),
  command(
    34,
    'writeBufferFromAsset',
    'Writes part of an asset into a buffer; the bytes do not pass through linear memory.',
    ['buffer: id buffer', 'offset: u32', 'asset: asset', 'assetOffset: u32', 'size: u32'],
  ),
  command(
    35,
    'writeTextureFromAsset',
    'Writes part of an asset into a texture; the bytes do not pass through linear memory.',
    [
      ...TEXTURE_SITE,
      ...EXTENT,
      'bytesPerRow: u32',
      'rowsPerImage: u32',
      'asset: asset',
      'assetOffset: u32',
      'size: u32',
    ],
  ),
  command(36, 'submit', 'Finishes the command encoder and queues what was recorded since the last submit.'),
  command(
    37,
    'onSubmittedWorkDone',
    'Requests a REPLY_WORK_DONE with this token once all that was submitted before is done.',
    ['token: u32'],
  ),
  command(
    38,
    'mapAsync',
    'Copies part of a buffer to `address` in linear memory; a REPLY_MAPPED with this token follows it.',
    ['buffer: id buffer', 'offset: u32', 'size: u32', 'address: u32', 'token: u32'],
  ),

  command(48, 'copyBufferToBuffer', 'Copies bytes from one buffer to another.', [
    'source: id buffer',
    'sourceOffset: u32',
    'destination: id buffer',
    'destinationOffset: u32',
    'size: u32',
  ]),
  command(49, 'copyBufferToTexture', 'Copies texels from a buffer to a texture.', [
    ...BUFFER_LAYOUT,
    ...TEXTURE_SITE,
    ...EXTENT,
  ]),
  command(50, 'copyTextureToBuffer', 'Copies texels from a texture to a buffer.', [
    ...TEXTURE_SITE,
    ...BUFFER_LAYOUT,
    ...EXTENT,
  ]),
  command(51, 'copyTextureToTexture', 'Copies texels from one texture to another.', [
    ...SOURCE_SITE,
    ...TEXTURE_SITE,
    ...EXTENT,
  ]),
  command(52, 'clearBuffer', 'Fills part of a buffer with zeros; a size of 0 means to its end.', [
    'buffer: id buffer',
    'offset: u32',
    'size: u32',
  ]),
  command(53, 'beginRenderPass', 'Begins a render pass.', [
    'depthView: id? textureView',
    'depthLoadOp: enum? LoadOp',
    'depthStoreOp: enum? StoreOp',
    'depthClearValue: f32',
    'depthReadOnly: bool',
    'stencilLoadOp: enum? LoadOp',
    'stencilStoreOp: enum? StoreOp',
    'stencilClearValue: u32',
    'stencilReadOnly: bool',
    'occlusionQuerySet: id? querySet',
    ...TIMESTAMP_WRITES,
    'label: string',
    'colorAttachments: list ColorAttachment',
  ]),
  command(54, 'endRenderPass', 'Ends the render pass.'),
  command(55, 'beginComputePass', 'Begins a compute pass.', [...TIMESTAMP_WRITES, 'label: string']),
  command(56, 'endComputePass', 'Ends the compute pass.'),
  command(57, 'resolveQuerySet', 'Writes the results of queries into a buffer, 8 bytes each.', [
    'querySet: id querySet',
    'firstQuery: u32',
    'queryCount: u32',
    'destination: id buffer',
    'destinationOffset: u32',
  ]),
  command(58, 'pushDebugGroup', 'Begins a debug group: commands that debugging tools show together under a label.', [
    'groupLabel: string',
  ]),
  command(59, 'popDebugGroup', 'Ends the innermost debug group.'),
  command(60, 'insertDebugMarker', 'Marks a place among the commands for debugging tools.', ['markerLabel: string']),
];

/** The commands that ask something of a player, and do not use the GPU. */
const PLAYER_COMMANDS: readonly Command[] = [
  command(96, 'rumble', 'Shakes a gamepad of a player; a newer effect on the same gamepad replaces it.', [
    'seat: u32',
    'pad: u32',
    'strong: f32',
    'weak: f32',
    'milliseconds: u32',
  ]),
  command(
    97,
    'requestText',
    'Asks a player to enter a text, in place of an earlier one; REPLY_TEXT says when it is at `address`.',
    ['seat: u32', 'token: u32', 'address: u32', 'lengthMax: u32', 'prompt: string', 'initial: string'],
  ),
  command(98, 'cancelText', 'Ends the entry of a text that `requestText` began.', ['seat: u32']),
];

/** The commands that exchange messages with other rooms or describe the match, and do not use the GPU. */
const BUS_COMMANDS: readonly Command[] = [
  command(112, 'emit', 'Sends a message of `byteLength` bytes to the rooms of this game that subscribe to a topic.', [
    'topic: string',
    'byteLength: u32',
    'data: words',
  ]),
  command(
    113,
    'subscribe',
    'Requests the messages that other rooms send to a topic; `subscription` is a number that the module chooses.',
    ['subscription: u32', 'topic: string'],
  ),
  command(114, 'unsubscribe', 'Ends a subscription.', ['subscription: u32']),
  command(
    115,
    'receive',
    'Gives the host MESSAGE_BYTES_MAX bytes at `address` for one message; REPLY_MESSAGE says when it is there.',
    ['token: u32', 'address: u32'],
  ),
  command(116, 'setPhase', 'Says in which phase the match is.', ['phase: enum Phase']),
];

/** All commands, by opcode. */
export const COMMANDS: readonly Command[] = [
  ...OBJECT_COMMANDS,
  ...QUEUE_COMMANDS,
  ...PASS_COMMANDS,
  ...PLAYER_COMMANDS,
  ...BUS_COMMANDS,
];
