/** Pods that the rules in oci/k3s/gatekeeper accept and refuse, on both sides of each bound. */
import { GPU_CASES } from './gpu-cases.ts';
import { about, type Case, container, DIGEST, IMAGE, type Spec, small } from './pods.ts';

export const CASES: readonly Case[] = [
  ...about('games-run-under-wasmedge', {
    'wasmedge is accepted': { change() {} },
    'another class is refused': {
      change(spec) {
        spec.runtimeClassName = 'runc';
      },
      refused: 'runtimeClassName is "runc"',
    },
    'no class is refused': {
      change(spec) {
        delete spec.runtimeClassName;
      },
      refused: 'runtimeClassName is ""',
    },
    'no class elsewhere is accepted': {
      namespace: 'shop',
      change(spec) {
        delete spec.runtimeClassName;
      },
    },
  }),
  ...about('games-run-in-their-namespaces', {
    'wasmedge in the namespace of games is accepted': { change() {} },
    'wasmedge elsewhere is refused': {
      namespace: 'shop',
      change() {},
      refused: 'reserved for the namespaces of games',
    },
    'another class elsewhere is accepted': {
      namespace: 'shop',
      change(spec) {
        spec.runtimeClassName = 'nvidia';
      },
    },
  }),
  ...GPU_CASES,
  ...about('images-of-our-registries', {
    'an image by digest is accepted': { change() {} },
    'an image by tag is refused': {
      change(_, game) {
        game.image = 'registry.example/arena:1';
      },
      refused: 'the image registry.example/arena:1 has no digest',
    },
    'an image by tag and digest is accepted': {
      change(_, game) {
        game.image = `registry.example/arena:1@${DIGEST}`;
      },
    },
    'a digest with 63 digits is refused': {
      change(_, game) {
        game.image = IMAGE.slice(0, -1);
      },
      refused: 'has no digest',
    },
    'a digest with 65 digits is refused': {
      change(_, game) {
        game.image = `${IMAGE}0`;
      },
      refused: 'has no digest',
    },
    'another registry is refused': {
      change(_, game) {
        game.image = `other.example/arena@${DIGEST}`;
      },
      refused: 'comes from none of the registries',
    },
    'a registry whose name begins like ours is refused': {
      change(_, game) {
        game.image = `registry.example.evil.example/arena@${DIGEST}`;
      },
      refused: 'comes from none of the registries',
    },
    'an image of Docker Hub, which names no registry, is refused': {
      change(_, game) {
        game.image = `arena@${DIGEST}`;
      },
      refused: 'comes from none of the registries',
    },
    'a container for debugging with another image is refused': {
      change(spec) {
        spec.ephemeralContainers = [{ name: 'debugger', image: `busybox@${DIGEST}` }];
      },
      refused: 'container debugger: the image',
    },
    'an init container with another image is refused': {
      change(spec) {
        spec.initContainers = [{ ...small('first'), image: `busybox@${DIGEST}` }];
      },
      refused: 'container first: the image',
    },
  }),
  ...about('limits', {
    'both limits are accepted': { change() {} },
    'no limit for memory is refused': {
      change(_, game) {
        game.resources = { limits: { cpu: '2' } };
      },
      refused: 'container game has no limit for memory',
    },
    'no limit for CPU is refused': {
      change(_, game) {
        game.resources = { requests: { cpu: '2' }, limits: { memory: '1Gi' } };
      },
      refused: 'container game has no limit for cpu',
    },
    'a limit of 0 is refused': {
      change(_, game) {
        game.resources = { limits: { cpu: 0, memory: '1Gi' } };
      },
      refused: 'container game has no limit for cpu',
    },
    'the smallest limits are accepted': {
      change(_, game) {
        game.resources = { limits: { cpu: '1m', memory: 1 } };
      },
    },
    'an init container without a limit is refused': {
      change(spec) {
        spec.initContainers = [container('first', { cpu: '1' })];
      },
      refused: 'container first has no limit for memory',
    },
    'a container for debugging, which cannot have limits, is accepted': {
      change(spec) {
        spec.ephemeralContainers = [{ name: 'debugger', image: IMAGE }];
      },
    },
  }),
  ...about('no-privileges', {
    'a game is accepted': { change() {} },
    ...Object.fromEntries(
      ['hostNetwork', 'hostPID', 'hostIPC'].flatMap((name) => [
        [
          `${name} is refused`,
          {
            change(spec: Spec) {
              spec[name] = true;
            },
            refused: `${name} is not allowed`,
          },
        ],
        [
          `${name}: false is accepted`,
          {
            change(spec: Spec) {
              spec[name] = false;
            },
          },
        ],
      ]),
    ),
    'a folder of the node is refused': {
      change(spec) {
        spec.volumes = [{ name: 'logs', hostPath: { path: '/var/log' } }];
      },
      refused: 'the volume logs is a folder of the node',
    },
    'a ConfigMap is accepted': {
      change(spec) {
        spec.volumes = [{ name: 'settings', configMap: { name: 'settings' } }];
      },
    },
    'a privileged container is refused': {
      change(_, game) {
        game.securityContext.privileged = true;
      },
      refused: 'container game is privileged',
    },
    'a container that may gain rights is refused': {
      change(_, game) {
        game.securityContext.allowPrivilegeEscalation = true;
      },
      refused: 'container game needs allowPrivilegeEscalation: false',
    },
    'a container that does not say so is refused': {
      change(_, game) {
        delete game.securityContext.allowPrivilegeEscalation;
      },
      refused: 'container game needs allowPrivilegeEscalation: false',
    },
    'an added capability is refused': {
      change(_, game) {
        game.securityContext.capabilities = { drop: ['ALL'], add: ['NET_ADMIN'] };
      },
      refused: 'container game adds the capability NET_ADMIN',
    },
    'capabilities that are not dropped are refused': {
      change(_, game) {
        game.securityContext.capabilities = { drop: ['NET_RAW'] };
      },
      refused: 'container game needs capabilities.drop: [ALL]',
    },
    'root is refused': {
      change(_, game) {
        game.securityContext.runAsUser = 0;
      },
      refused: 'container game may be root',
    },
    'the user 1 is accepted': {
      change(_, game) {
        game.securityContext.runAsUser = 1;
      },
    },
    'a pod that may run as root is refused': {
      change(spec) {
        spec.securityContext = {};
      },
      refused: 'container game may be root',
    },
    'a container that says so itself is accepted': {
      change(spec, game) {
        delete spec.securityContext;
        game.securityContext.runAsNonRoot = true;
      },
    },
    'a privileged container for debugging is refused': {
      change(spec, game) {
        const securityContext = { ...game.securityContext, privileged: true };
        spec.ephemeralContainers = [{ name: 'debugger', image: IMAGE, securityContext }];
      },
      refused: 'container debugger is privileged',
    },
  }),
];
