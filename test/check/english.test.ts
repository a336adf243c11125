import { describe, expect, test } from 'vitest';
import { checkEnglish, findPhrases } from './english.ts';
import { withProgram } from './program.ts';

/** Returns the banned phrases that are found in a TypeScript comment. */
const inComment = (text: string) => phrases('host/a.ts', `// ${text}\n`);
const phrases = (path: string, text: string) =>
  findPhrases(path, text).map((fault) => /^[^:]+:(\d+: ".*?")/.exec(fault)?.[1] ?? fault);

describe('each banned phrase is found, and nothing is found in the sentence to write instead', () => {
  const pairs = [
    ['It begins anew.', 'It begins again.'],
    ['The page asks once more.', 'The page asks again.'],
    ['It ends whichever comes first.', 'It ends at the earlier of the two.'],
    ['Kept for whoever asks.', 'Kept for the next caller.'],
    ['When somebody plays.', 'When a player has joined.'],
    ['While nobody plays, time stands still.', 'Time stands still while no one plays.'],
    ['As everybody knows.', 'As everyone knows.'],
    ['If anybody asks.', 'If anyone asks.'],
    ['It needs a name besides.', 'It stands beside the name.'],
    ['All threads but for the first.', 'All threads except the first.'],
    ['It stays closed for so long.', 'It stays closed for that long, no longer. So longer is not found.'],
    ['It may change all the same.', 'It may still change, all in the same call.'],
    ['The keeper is told of it.', 'The host tells the keeper.'],
    ['The reply is waited for.', 'The host waits for the reply.'],
    ['A keyframe was asked for.', 'The page asked for a keyframe.'],
    ['The size is not to be had.', 'The size is not available.'],
    ['The level is to be ignored.', 'The reader must ignore the level.'],
    ['The file is no JSON.', 'The file is not JSON. There is no file. It is no longer open.'],
    ['Of the calls, those that failed.', 'Number of calls that failed. Half of them. Often.'],
    ['Whose work has no end is known.', 'The room whose work has no end is known.'],
    ['What a host counts.', 'Counters of a host. What does a host count?'],
    ['Once, a call may be late.', 'Once a call is late, the next one is not.'],
    ['Once per frame.', 'Runs once per frame. Once per frame, the host asks.'],
  ] as const;
  test.each(pairs)('%s', (banned, plain) => {
    expect(inComment(banned)).toHaveLength(1);
    expect(inComment(plain)).toEqual([]);
  });
});

test('a fault names the file, the line, the phrase and what to write', () => {
  expect(findPhrases('host/a.ts', '\n\nconst a = 1; // begin anew\n')).toEqual(['host/a.ts:3: "anew"; write "again"']);
});

test('a phrase may run over the end of a line, in both forms of comments', () => {
  expect(phrases('host/a.ts', '// It stays for so\n// long as it is open.\n')).toEqual(['1: "so long"']);
  expect(phrases('host/a.ts', '/**\n * A page that is\n * told of it.\n */\n')).toEqual(['2: "is told"']);
});

test('a sentence begins after another sentence, a tag or a blank line, but not after a line break within it', () => {
  expect(inComment('It ends. What it was. It says: What now.')).toEqual(['1: "What"']);
  expect(phrases('host/a.ts', '/**\n * Name.\n *\n * @param name What it is called.\n */')).toEqual(['4: "What"']);
  expect(phrases('host/a.ts', '/**\n * Says it\n *\n * What it is.\n */')).toEqual(['4: "What"']);
  expect(phrases('host/a.ts', '// The page of a host. In the room\n// Of Mirrors.\n')).toEqual([]);
});

describe('comments and texts in every language are searched, and code is not', () => {
  const cases: [path: string, prose: string, code: string][] = [
    ['host/a.ts', "throw new Error('nobody is here');", "const nobody = open('nobody'); // no one"],
    ['host/a.ts', `const t = \`nobody \${name} here\`;`, `const t = \`\${nobody}\`;`],
    ['renderer/sdk/a.ts', '@inline function f(): void {} // for nobody', '@inline function nobody(): void {}'],
    ['host/a.cc', '/* nobody */', 'int nobody = 1;'],
    ['host/a.h', 'puts("nobody is here");', 'use("nobody");'],
    ['host/a.sh', 'echo "nobody is here" # hello', 'echo hello'],
    ['host/tool', '#!/bin/sh\n# nobody\n', '#!/bin/sh\n# no one\n'],
    ['host/a.wgsl', '// nobody', 'let nobody = 1;'],
    ['host/a.css', '/* nobody */', '.nobody { color: red }'],
    ['host/a.html', '<p>nobody</p>', '<p>no one</p>'],
    ['oci/a.yaml', '# nobody', 'user: someone'],
    ['host/a.md', 'For nobody.', 'For `nobody`, in\n```\nnobody\n```\nand [a link](nobody.md).'],
  ];
  test.each(cases)('%s: %s', (path, prose, code) => {
    expect(phrases(path, prose)).toHaveLength(1);
    expect(phrases(path, code)).toEqual([]);
  });

  test('a message may begin with a word that a sentence in a comment may not begin with', () => {
    expect(phrases('host/a.ts', "const title = 'What is new';")).toEqual([]);
    expect(phrases('host/a.md', '# What is new\n')).toEqual([]);
    expect(phrases('host/a.md', '- What is new.\n')).toEqual(['1: "What"']);
  });

  test('a binary file has no prose', () => {
    expect(phrases('host/a.png', 'nobody')).toEqual([]);
  });
});

test('in folders not revised yet, phrases are only counted; a folder without any can come off the list', async () => {
  const files = {
    'host/a.ts': '// anew\n// nobody\n',
    'oci/b.ts': '// anew\n',
    'oci2/c.ts': '// anew\n',
    'test/d.ts': '',
  };
  const check = (pending: string[]) => withProgram(files, (root) => checkEnglish(root, Object.keys(files), pending));
  expect(await check(['host', 'oci', 'oci2'])).toEqual({
    faults: [],
    warnings: ['host: 2 phrases left', 'oci: 1 phrases left', 'oci2: 1 phrases left'],
  });
  expect(await check(['host', 'oci', 'test'])).toEqual({
    faults: ['oci2/c.ts:1: "anew"; write "again"'],
    warnings: [
      'host: 2 phrases left',
      'oci: 1 phrases left',
      'test is revised: take it off the list in test/check/english.ts',
    ],
  });
});
