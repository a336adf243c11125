/** Writes the SDK's reference of its docstrings; a build tool, like generate.ts. The sources are formatted, so that lines can be trusted. */
import { readFileSync } from 'node:fs';

/** What games import, by subject: title, file of renderer/sdk, and the name that a file is imported under as a whole. */
const chapters: [title: string, parts: [file: string, space?: string][]][] = [
  ['The game', [['game'], ['input'], ['state'], ['random'], ['assets'], ['log', 'log'], ['nearlight']]],
  ['The GPU', [['gpu/device'], ['gpu/queue'], ['gpu/reply'], ['gpu/object']]],
  ['Resources', [['gpu/buffer'], ['gpu/texture'], ['gpu/binding'], ['gpu/query']]],
  ['Pipelines', [['gpu/pipeline']]],
  ['Commands', [['gpu/encoder'], ['gpu/commands'], ['gpu/pass'], ['gpu/bundle']]],
  [
    'Mathematics',
    [
      ['math/vec2', 'vec2'],
      ['math/vec3', 'vec3'],
      ['math/vec4', 'vec4'],
      ['math/quat', 'quat'],
      ['math/mat4', 'mat4'],
    ],
  ],
  ['Enums and flags', [['enums']]],
];

/** Exported for the SDK's own files, or for the host; a game has no use for them. */
const internal = new Set([
  ...['version', 'init', 'join', 'leave', 'tick', 'render', 'save', 'load', 'openIo', 'readReplies', 'retag'],
  ...['ask', 'askPipeline', 'answer', 'newestWorkDone', 'takeId', 'idOf', 'submit', 'gpu_feature', 'gpu_limit'],
  ...['log', 'asset_find', 'asset_size', 'asset_read', 'state_read', 'state_write'],
]);

const DOC = /^( *)\/\*\*([\s\S]*?)\*\//;

interface Entry {
  about: string;
  /** The declaration without its body, on one line. */
  head: string;
  /** What is between the braces of a class or namespace. */
  body: string;
}

const oneLine = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/([([]) /g, '$1')
    .replace(/,? ([)\]])/g, '$1')
    .trim();
const prose = (comment: string): string => oneLine(comment.replace(/^\s*\* ?/gm, ''));
const cell = (text: string): string => text.replaceAll('|', '\\|');

/** Declarations that stand `indent` spaces deep in `text`, with the docstring that precedes each. */
function declarations(text: string, indent: number): Entry[] {
  const pad = ' '.repeat(indent);
  const lines = text.split('\n');
  const entries: Entry[] = [];
  let about = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (!line.startsWith(pad) || line[indent] === ' ' || line.slice(indent) === '') continue;
    const doc = DOC.exec(lines.slice(at).join('\n'));
    if (doc && doc[1]!.length === indent) {
      about = prose(doc[2]!);
      at += doc[0].split('\n').length - 1;
      continue;
    }
    const end = declarationEnd(lines, at, pad);
    const whole = lines.slice(at, end + 1).join('\n');
    const brace = /\{\n/.exec(whole)?.index ?? whole.length;
    entries.push({ about, head: oneLine(whole.slice(0, brace).replace(/;$/, '')), body: whole.slice(brace + 2) });
    about = '';
    at = end;
  }
  return entries;
}

/** The last line of what begins at `start`: one line, or up to the line that closes it at the same depth. */
function declarationEnd(lines: string[], start: number, pad: string): number {
  if (/[;}]$/.test(lines[start]!)) return start;
  let end = start + 1;
  while (
    end < lines.length &&
    !(lines[end]!.startsWith(pad) && /^\S/.test(lines[end]!.slice(pad.length)) && /[;}]$/.test(lines[end]!))
  )
    end++;
  return end;
}

function members(entry: Entry): string[] {
  const rows = declarations(entry.body, 2).filter(
    ({ head, about }) =>
      !/^(private|protected|constructor)\b/.test(head) &&
      !/^\/\//.test(head) &&
      head !== '}' &&
      !about.startsWith('@internal'),
  );
  if (rows.length === 0) return [];
  const signature = (head: string) =>
    cell(
      head
        .replace(/ \{\}$/, '')
        .replace(/^readonly /, '')
        .replace(/\b_(\w+: )/g, '$1'),
    );
  return [
    '',
    '| | |',
    '| --- | --- |',
    ...rows.map(({ head, about }) => `| \`${signature(head)}\` | ${cell(about)} |`),
  ];
}

function namespaceValues({ body }: Entry): string {
  return [...body.matchAll(/export const (\w+)/g)].map((match) => `\`${match[1]}\``).join(' ');
}

function section(entry: Entry): string[] {
  const [, kind, name] =
    /^(?:export )?(?:declare )?(?:abstract )?(class|function|namespace|const|type) (\w+)/.exec(entry.head) ?? [];
  // What is not exported, but for a class whose one object is.
  if (!kind || internal.has(name!) || !/^export|^class/.test(entry.head)) return [];
  const about = entry.about === '' ? [] : [entry.about];
  const head = entry.head.replace(/^export (declare )?/, '').replace(/: (\w+) = new \1\(\)$/, ': $1');
  if (kind === 'class') return ['', `### \`${head}\``, '', ...about, ...members(entry)];
  if (kind === 'namespace') return ['', `### \`${name}\``, '', ...about, '', namespaceValues(entry)];
  return ['', `### \`${head.replace(/^(function|const|type) /, '')}\``, '', ...about];
}

/** The functions of a file that is imported whole, as one table. */
function library(entries: Entry[], space: string): string[] {
  const functions = entries.filter(({ head }) => /^export function/.test(head));
  const type = entries.find(({ head }) => /^export type/.test(head));
  return [
    '',
    `### \`${space}\``,
    ...(type ? ['', `${type.about} \`${type.head.replace(/^export /, '')}\``] : []),
    '',
    '| | |',
    '| --- | --- |',
    ...functions.map(
      ({ head, about }) => `| \`${space}.${cell(head.replace(/^export function /, ''))}\` | ${cell(about)} |`,
    ),
  ];
}

/** renderer/sdk/SDK.md, as text. */
export function reference(root: URL): string {
  const lines = [
    '# The SDK',
    '',
    "Generated from the docstrings of [sdk/](sdk/index.ts) by `node renderer/contract/generate.ts`. Everything is imported from `'../sdk'`.",
    "Names, meanings and defaults of the GPU are WebGPU's ([the specification](https://www.w3.org/TR/webgpu/)); descriptors are",
    'classes whose fields have the defaults shown, and are given as object literals. [ABI.md](ABI.md) is what lies below.',
  ];
  for (const [title, parts] of chapters) {
    lines.push('', `## ${title}`);
    for (const [file, space] of parts) {
      const entries = declarations(readFileSync(new URL(`renderer/sdk/${file}.ts`, root), 'utf8'), 0);
      lines.push(...(space ? library(entries, space) : entries.flatMap(section)));
    }
  }
  return `${lines.join('\n')}\n`;
}
