/** Pods for the rules about GPUs. */
import { about, type Case, container, type Fields, type Json, small } from './pods.ts';

/** A required node affinity with one list of expressions for each term. */
function affinity(...terms: Fields[][]): Json {
  const nodeSelectorTerms = terms.map((matchExpressions) => ({ matchExpressions }));
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
}

const WITH_GPU = { key: 'gpu', operator: 'In', values: ['enabled'] };

export const GPU_CASES: readonly Case[] = [
  ...about('gpus-on-gpu-nodes', {
    'the selector is accepted': { change() {} },
    'no selector is refused': {
      change(spec) {
        delete spec.nodeSelector;
      },
      refused: 'container game asks for nvidia.com/gpu, so the pod needs the nodeSelector gpu: enabled',
    },
    'another value of the label is refused': {
      change(spec) {
        spec.nodeSelector = { gpu: 'disabled' };
      },
      refused: 'container game asks for nvidia.com/gpu',
    },
    'no selector without a GPU is accepted': {
      change(spec) {
        delete spec.nodeSelector;
        spec.containers = [small('game')];
      },
    },
    'no selector with zero GPUs is accepted': {
      change(spec, game) {
        delete spec.nodeSelector;
        game.resources = { limits: { 'nvidia.com/gpu': 0 }, requests: { 'nvidia.com/gpu': '0' } };
      },
    },
    'a slice of a GPU without a selector is refused': {
      change(spec) {
        delete spec.nodeSelector;
        spec.containers = [container('game', { 'nvidia.com/mig-1g.10gb': '1' })];
      },
      refused: 'container game asks for nvidia.com/mig-1g.10gb',
    },
    'an init container with a GPU and no selector is refused': {
      change(spec) {
        delete spec.nodeSelector;
        spec.containers = [small('game')];
        spec.initContainers = [container('first')];
      },
      refused: 'container first asks for nvidia.com/gpu',
    },
    'a claim without a selector is refused': {
      change(spec) {
        delete spec.nodeSelector;
        spec.containers = [small('game')];
        spec.resourceClaims = [{ name: 'gpu', resourceClaimName: 'game-gpu' }];
      },
      refused: 'the resource claim gpu may be a GPU',
    },
    'an affinity that demands the label is accepted': {
      change(spec) {
        delete spec.nodeSelector;
        spec.affinity = affinity([WITH_GPU]);
      },
    },
    'an affinity with another way out is refused': {
      change(spec) {
        delete spec.nodeSelector;
        spec.affinity = affinity([WITH_GPU], [{ key: 'node-type', operator: 'In', values: ['edge'] }]);
      },
      refused: 'container game asks for nvidia.com/gpu',
    },
    'an affinity that allows another value is refused': {
      change(spec) {
        delete spec.nodeSelector;
        spec.affinity = affinity([{ ...WITH_GPU, values: ['enabled', 'disabled'] }]);
      },
      refused: 'container game asks for nvidia.com/gpu',
    },
  }),
  ...about('one-gpu', {
    'one GPU is accepted': { change() {} },
    'no GPU is accepted': {
      change(spec) {
        spec.containers = [small('game')];
      },
    },
    'a container without resources is accepted': {
      change(_, game) {
        game.resources = {};
      },
    },
    'two GPUs are refused': {
      change(_, game) {
        game.resources = { limits: { 'nvidia.com/gpu': '2' } };
      },
      refused: 'the pod asks for 2 GPUs, and 1 is allowed',
    },
    'two GPUs as a number are refused': {
      change(_, game) {
        game.resources = { requests: { 'nvidia.com/gpu': 2 } };
      },
      refused: 'the pod asks for 2 GPUs',
    },
    'one GPU in each of two containers is refused': {
      change(spec) {
        spec.containers.push(container('second'));
      },
      refused: 'the pod asks for 2 GPUs',
    },
    'GPUs of two makers are refused': {
      change(_, game) {
        game.resources = { limits: { 'nvidia.com/gpu': '1', 'amd.com/gpu': '1' } };
      },
      refused: 'the pod asks for 2 GPUs',
    },
    'a GPU and a claim are refused': {
      change(spec) {
        spec.resourceClaims = [{ name: 'gpu', resourceClaimName: 'game-gpu' }];
      },
      refused: 'the pod asks for 2 GPUs',
    },
    'a claim alone is accepted': {
      change(spec) {
        spec.containers = [small('game')];
        spec.resourceClaims = [{ name: 'gpu', resourceClaimName: 'game-gpu' }];
      },
    },
    'one GPU for an init container, and later one for the game, are accepted': {
      change(spec) {
        spec.initContainers = [container('first')];
      },
    },
    'two GPUs for an init container are refused': {
      change(spec) {
        spec.initContainers = [container('first', { 'nvidia.com/gpu': '2' })];
      },
      refused: 'init container first asks for 2 GPUs',
    },
    'an amount that is not a whole number is refused': {
      change(_, game) {
        game.resources = { limits: { 'nvidia.com/gpu': '1k' } };
      },
      refused: 'container game asks for 1k GPUs, which is not a whole number',
    },
  }),
];
