import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findFaults } from './boundaries.ts';
import { withProgram } from './program.ts';

const program = (files: Record<string, string>) => withProgram(files, findFaults);

test('the sources of this repository keep every rule about imports', async () => {
  expect(await findFaults(join(import.meta.dirname, '../..'))).toEqual([]);
});

describe('an import of a higher folder is a fault, and an import of a lower folder is not', () => {
  test('in TypeScript', async () => {
    const lower = 'host/base/lower.ts';
    const upper = 'host/play/upper.ts';
    expect(await program({ [lower]: '', [upper]: "import '../base/lower.ts';\n" })).toEqual([]);
    expect(await program({ [lower]: "\nimport '../play/upper.ts';\n", [upper]: '' })).toEqual([
      'host/base/lower.ts:2: imports host/play/upper.ts, but host/play is above host/base',
    ]);
  });

  test('in AssemblyScript', async () => {
    const lower = 'renderer/sdk/lower.ts';
    const upper = 'renderer/scene/upper.ts';
    expect(await program({ [lower]: '', [upper]: "import { a } from '../sdk/lower'\n" })).toEqual([]);
    expect(await program({ [lower]: "import { a } from '../scene/upper'\n", [upper]: '' })).toEqual([
      'renderer/sdk/lower.ts:1: imports renderer/scene/upper.ts, but renderer/scene is above renderer/sdk',
    ]);
  });

  test('in C++', async () => {
    const lower = 'host/base/lower.h';
    const upper = 'host/pod/upper.cc';
    expect(await program({ [lower]: '', [upper]: '#include "../base/lower.h"\n' })).toEqual([]);
    expect(await program({ [lower]: '#include "../pod/upper.cc"\n', [upper]: '' })).toEqual([
      'host/base/lower.h:1: imports host/pod/upper.cc, but host/pod is above host/base',
    ]);
  });

  test('of types too', async () => {
    const [lower, upper] = ['host/base/lower.ts', 'host/play/upper.ts'];
    expect(await program({ [lower]: '', [upper]: "import type { A } from '../base/lower.ts';\n" })).toEqual([]);
    expect(await program({ [lower]: "import type { A } from '../play/upper.ts';\n", [upper]: '' })).toHaveLength(1);
  });

  test('between the commands, the pods and the fleet', async () => {
    const files = { 'host/fleet/a.ts': '', 'host/cli/b.ts': "import '../fleet/a.ts';\n" };
    expect(await program({ ...files, 'host/pod/c.ts': "import '../cli/b.ts';\n" })).toEqual([]);
    expect(await program({ ...files, 'host/pod/c.ts': '', 'host/fleet/a.ts': "import '../pod/c.ts';\n" })).toEqual([
      'host/fleet/a.ts:1: imports host/pod/c.ts, but host/pod is above host/fleet',
    ]);
  });
});

describe('stages, the folders of the host that each do one step', () => {
  test('a stage may import types of another stage, and values from folders below all stages', async () => {
    const faults = await program({
      'renderer/contract/abi.ts': '',
      'host/base/errors.ts': "import '../../renderer/contract/abi.ts';\n",
      'host/gpu/b.ts': "import '../base/errors.ts';\nimport '../../renderer/contract/abi.ts';\n",
      'host/video/a.ts': "import type { B } from '../gpu/b.ts';\n",
    });
    expect(faults).toEqual([]);
  });

  test('a stage that loads another stage at run time is a fault, even if it names only types of it', async () => {
    const fault = (line: number) =>
      `host/video/a.ts:${line}: loads host/gpu/b.ts; use \`import type\`, or connect host/video and host/gpu in host/play`;
    const text = "import { b } from '../gpu/b.ts';\nimport { type B } from '../gpu/b.ts';\nimport('../gpu/b.ts');\n";
    expect(await program({ 'host/gpu/b.ts': '', 'host/video/a.ts': text })).toEqual([fault(1), fault(2), fault(3)]);
  });

  test('host/play and host/cli may load stages', async () => {
    const text = "import { b } from '../gpu/b.ts';\n";
    expect(await program({ 'host/gpu/b.ts': '', 'host/play/a.ts': text, 'host/cli/a.ts': text })).toEqual([]);
  });

  test("the player's page and the server share the definition of their messages, which lies below both", async () => {
    const files = { 'host/base/protocol.ts': '', 'host/stream/server.ts': '' };
    const page = (path: string) => ({ ...files, 'host/player/a.ts': `import '../${path}';\n` });
    expect(await program(page('base/protocol.ts'))).toEqual([]);
    expect(await program(page('stream/server.ts'))).toHaveLength(1);
  });

  test('assets and oci may import nothing from a stage or from each other, not even types', async () => {
    const files = { 'host/base/errors.ts': '', 'host/engine/a.ts': '', 'assets/a.ts': '' };
    expect(await program({ ...files, 'oci/b.ts': "import '../host/base/errors.ts';\n" })).toEqual([]);
    const text = "import type { A } from '../host/engine/a.ts';\nimport type { B } from '../assets/a.ts';\n";
    expect(await program({ ...files, 'oci/b.ts': text })).toEqual([
      'oci/b.ts:1: imports host/engine/a.ts, but oci may not use host/engine',
      'oci/b.ts:2: imports assets/a.ts, but oci may not use assets',
    ]);
  });
});

describe('games', () => {
  const sdk = {
    'renderer/index.ts': "export * from './sdk'\n",
    'renderer/sdk/index.ts': '',
    'renderer/scene/sky.ts': '',
  };

  test('a game imports the SDK by name', async () => {
    const text = "import { play } from '@nearlight/sdk'\nimport { Sky } from '@nearlight/sdk/scene/sky'\n";
    expect(await program({ ...sdk, 'renderer/arena/index.ts': text })).toEqual([]);
  });

  test('a relative path to the SDK is a fault, because a game in another repository has no such path', async () => {
    expect(await program({ ...sdk, 'renderer/arena/index.ts': "import { play } from '../sdk'\n" })).toEqual([
      'renderer/arena/index.ts:1: imports ../sdk; a game imports @nearlight/sdk by name',
    ]);
  });

  test('the template of a new project may import the SDK by name, and the package that contains it', async () => {
    const text = "import { play } from '@nearlight/sdk'\nimport { loadGame } from 'nearlight/test'\n";
    const files = { ...sdk, 'renderer/sdk/template/src/index.ts': text };
    expect(await program({ ...files, 'package.json': '{"name":"nearlight"}' })).toEqual([]);
    expect(await program({ ...files, 'package.json': '{"name":"other"}' })).toEqual([
      'renderer/sdk/template/src/index.ts:2: imports nearlight, which the dependencies of package.json does not name',
    ]);
  });

  test('a game does not import another game', async () => {
    const text = "import { a } from '@nearlight/sdk/model/a'\n";
    expect(await program({ 'renderer/model/a.ts': '', 'renderer/arena/index.ts': text })).toEqual([
      'renderer/arena/index.ts:1: imports renderer/model/a.ts, but renderer/arena may not use renderer/model',
    ]);
  });
});

describe('circles', () => {
  test('a circle of files that import each other is reported whole; a chain is not a circle', async () => {
    const files = {
      'host/room/a.ts': "import { b } from './b.ts';\n",
      'host/room/b.ts': "import {\n  c,\n} from './c.ts';\n",
    };
    expect(await program({ ...files, 'host/room/c.ts': '' })).toEqual([]);
    expect(await program({ ...files, 'host/room/c.ts': "export { a } from './a.ts';\n" })).toEqual([
      'files import each other: host/room/a.ts > host/room/b.ts > host/room/c.ts > host/room/a.ts',
    ]);
  });

  test('imports of types make a circle of files too', async () => {
    const a = "import type { B } from './b.ts';\n";
    expect(await program({ 'host/room/a.ts': a, 'host/room/b.ts': '' })).toEqual([]);
    expect(await program({ 'host/room/a.ts': a, 'host/room/b.ts': "import type { A } from './a.ts';\n" })).toEqual([
      'files import each other: host/room/a.ts > host/room/b.ts > host/room/a.ts',
    ]);
  });

  test('C++ headers that include each other make a circle of files too', async () => {
    const a = '#include "b.h"\n';
    expect(await program({ 'host/engine/a.h': a, 'host/engine/b.h': '' })).toEqual([]);
    expect(await program({ 'host/engine/a.h': a, 'host/engine/b.h': '#include "a.h"\n' })).toHaveLength(1);
  });

  test('two stages that import each other make a circle, even without a circle of files', async () => {
    const files = {
      'host/gpu/a.ts': "import type { B } from '../video/b.ts';\n",
      'host/gpu/c.ts': '',
      'host/video/b.ts': '',
      'host/video/d.ts': '',
    };
    expect(await program(files)).toEqual([]);
    expect(await program({ ...files, 'host/video/d.ts': "import type { C } from '../gpu/c.ts';\n" })).toEqual([
      'folders import each other: host/gpu > host/video > host/gpu ' +
        '(host/gpu/a.ts:1 imports host/video/b.ts; host/video/d.ts:1 imports host/gpu/c.ts)',
    ]);
  });

  test('a folder and a file beside it make a circle of imports, even without a circle of files', async () => {
    const files = {
      'assets/model.ts': "import './gltf/a.ts';\n",
      'assets/gltf/a.ts': '',
      'assets/gltf/b.ts': '',
    };
    expect(await program(files)).toEqual([]);
    expect(await program({ ...files, 'assets/gltf/b.ts': "import '../model.ts';\n" })).toEqual([
      'folders import each other: assets/gltf > assets/model.ts > assets/gltf ' +
        '(assets/gltf/b.ts:1 imports assets/model.ts; assets/model.ts:1 imports assets/gltf/a.ts)',
    ]);
  });

  test('folders of tests that import each other make a circle, like any other folders', async () => {
    const files = { 'test/gpu/a.ts': "import '../room/b.ts';\n", 'test/room/b.ts': '', 'test/gpu/c.ts': '' };
    expect(await program(files)).toEqual([]);
    expect(await program({ ...files, 'test/room/d.ts': "import '../gpu/c.ts';\n" })).toHaveLength(1);
  });
});

describe('code that a browser runs too', () => {
  test('does not import Node or a package, but may use types of them', async () => {
    const files = { 'package.json': '{"dependencies":{"webgpu":"1"}}' };
    expect(await program({ ...files, 'host/room/a.ts': "import type { Stats } from 'node:fs';\n" })).toEqual([]);
    expect(await program({ ...files, 'host/room/a.ts': "import 'node:fs';\nimport('webgpu');\n" })).toEqual([
      'host/room/a.ts:1: imports node:fs, but this runs in a browser too',
      'host/room/a.ts:2: imports webgpu, but this runs in a browser too',
    ]);
  });

  test('does not import Node through another file either', async () => {
    const files = { 'host/gpu/a.ts': "import { e } from '../base/e.ts';\n", 'host/base/f.ts': "import 'node:os';\n" };
    expect(await program({ ...files, 'host/base/e.ts': "import type { F } from './f.ts';\n" })).toEqual([]);
    expect(await program({ ...files, 'host/base/e.ts': "import { f } from './f.ts';\n" })).toEqual([
      'host/base/f.ts:1: imports node:os, but host/gpu/a.ts loads this in a browser too',
    ]);
  });

  test('does not include the files that open a GPU or a server in Node', async () => {
    const text = "import 'node:os';\n";
    expect(await program({ 'host/gpu/dawn.ts': text, 'host/stream/server.ts': text })).toEqual([]);
    expect(await program({ 'host/gpu/replay.ts': text, 'host/base/protocol.ts': text })).toHaveLength(2);
  });
});

test('nothing may import tests, and tests may import anything', async () => {
  const upwards = { 'test/a.ts': "import '../host/gpu/b.ts';\nimport '../renderer/sdk/c.ts';\n" };
  expect(await program({ ...upwards, 'host/gpu/b.ts': '', 'renderer/sdk/c.ts': '' })).toEqual([]);
  expect(await program({ 'test/a.ts': '', 'host/cli/b.ts': "import '../../test/a.ts';\n" })).toEqual([
    'host/cli/b.ts:1: imports test/a.ts, but nothing may depend on tests',
  ]);
});

test('an import of a missing file is a fault', async () => {
  expect(await program({ 'host/room/a.ts': "import './b.ts';\n", 'host/room/b.ts': '' })).toEqual([]);
  expect(await program({ 'host/room/a.ts': "import './gone.ts';\n" })).toEqual([
    'host/room/a.ts:1: there is no host/room/gone.ts',
  ]);
});

test('an import with a computed path is a fault outside tests', async () => {
  const text = 'await import(name);\n';
  expect(await program({ 'test/a.ts': text })).toEqual([]);
  expect(await program({ 'host/play/a.ts': text })).toEqual([
    'host/play/a.ts:1: the path of this import is computed, so it cannot be checked; write it as a string',
  ]);
});

test('a folder of sources without a place in the order of folders is a fault', async () => {
  expect(await program({ 'host/gpu/a.ts': '', 'host/ARCHITECTURE.md': '' })).toEqual([]);
  expect(await program({ 'host/helpers/a.ts': '', 'host/loose.ts': '' })).toEqual([
    'host/helpers has no place in the order of folders (test/check/order.ts)',
    'host/loose.ts has no place in the order of folders (test/check/order.ts)',
  ]);
});

test('an imported package must be in package.json, and outside tests not only among devDependencies', async () => {
  const manifest = { 'package.json': '{"dependencies":{"sharp":"1"},"devDependencies":{"@x/yaml":"1"}}' };
  const text = "import 'sharp';\nimport '@x/yaml/parse';\n";
  expect(await program({ ...manifest, 'test/a.ts': text })).toEqual([]);
  expect(await program({ ...manifest, 'test/a.ts': "import 'left-pad';\n", 'oci/b.ts': text })).toEqual([
    'oci/b.ts:2: imports @x/yaml, which the dependencies of package.json does not name',
    'test/a.ts:1: imports left-pad, which package.json does not name',
  ]);
});
