/** Generates the tables of ABI.md from the contract. */
import { COMMANDS } from '../commands.ts';
import { CONSTANTS } from '../constants.ts';
import { opcodeOf, recordFields, wordsOf } from '../field.ts';
import { MODULE_EXPORTS, MODULE_IMPORTS, type ModuleFunction } from '../functions.ts';
import { RECORDS } from '../records.ts';
import { ENUMS, FLAGS } from '../values.ts';

function functionRows(functions: Readonly<Record<string, ModuleFunction>>): string[] {
  return Object.entries(functions).map(([name, { parameters, result, optional, about }]) => {
    const head = `${name}(${parameters.join(', ')})${result === '' ? '' : ` -> ${result}`}`;
    return `| \`${head}\` | ${optional ? 'Optional. ' : ''}${about} |`;
  });
}

/** Returns the text of ABI.md with its tables filled from the contract; everything between them stays. */
export function document(text: string): string {
  const row = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const code = (fields: readonly string[]): string => fields.map((field) => `\`${field}\``).join(', ') || '-';
  const sections: Record<string, string[]> = {
    commands: [
      row(['opcode', 'command', 'fields', 'meaning']),
      row(['--:', '---', '---', '---']),
      ...COMMANDS.map((entry) => row([opcodeOf(entry), `\`${entry.name}\``, code(entry.fields), entry.about])),
    ],
    records: [
      row(['record', 'words', 'fields']),
      row(['---', '--:', '---']),
      ...Object.entries(RECORDS).map(([name, fields]) =>
        row([`\`${name}\``, wordsOf(recordFields(name)), code(fields)]),
      ),
    ],
    enums: [
      row(['enum', 'values, counted from 1']),
      row(['---', '---']),
      ...Object.entries(ENUMS).map(([name, values]) =>
        row([`\`${name}\``, values.map((entry) => `\`${entry}\``).join(' ')]),
      ),
    ],
    flags: [
      row(['flags', 'bits']),
      row(['---', '---']),
      ...Object.entries(FLAGS).map(([name, bits]) =>
        row([
          `\`${name}\``,
          Object.entries(bits)
            .map(([bit, number]) => `\`${bit}\` ${number}`)
            .join(', '),
        ]),
      ),
    ],
    imports: [row(['import', 'meaning']), row(['---', '---']), ...functionRows(MODULE_IMPORTS)],
    exports: [row(['export', 'meaning']), row(['---', '---']), ...functionRows(MODULE_EXPORTS)],
    constants: [
      row(['name', 'value', 'meaning']),
      row(['---', '--:', '---']),
      ...Object.entries(CONSTANTS).map(([name, [number, about]]) => row([`\`${name}\``, number, about])),
    ],
  };
  return text.replace(/<!-- table: (\w+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const lines = sections[name];
    if (!lines) throw new Error(`ABI.md has a table "${name}", which nothing fills`);
    return `<!-- table: ${name} -->\n${lines.join('\n')}\n<!-- end -->`;
  });
}
