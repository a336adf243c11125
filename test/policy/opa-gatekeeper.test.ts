/** The rules for Gatekeeper, evaluated by the real OPA. Gatekeeper 3.15 has OPA 0.60 inside. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { run } from '../command.ts';
import { CASES } from '../gatekeeper/cases.ts';
import { podOf } from '../gatekeeper/pods.ts';
import { type Rule, readRules, type Template } from '../gatekeeper/suites.ts';
import { OPA_VERSIONS, opa } from './opa.ts';

const folder = mkdtempSync(join(tmpdir(), 'nl-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const say = (line: string) => void process.stdout.write(`${line}\n`);
const constraints = readRules<Rule>('constraints', 'Nearlight');
const templates = readRules<Template>('templates', 'ConstraintTemplate');

/** Evaluates the rule of a template for some inputs. Returns the messages of the violations of each. */
function evaluate(version: string, kind: string, cases: object[]): string[][] {
  const { spec } = must(
    templates.find((template) => template.spec.crd.spec.names.kind === kind),
    kind,
  );
  const [rule, input] = [join(folder, 'rule.rego'), join(folder, 'input.json')];
  writeFileSync(rule, must(spec.targets[0], kind).rego);
  writeFileSync(input, JSON.stringify({ cases }));
  const name = `data.${kind.toLowerCase()}.violation`;
  const query = `[messages | each := input.cases[_]; messages := {found.msg | ${name}[found] with input as each}]`;
  // The rules are in the language's first version, which is all that the older OPA and Gatekeeper 3.15 know.
  const language = version.startsWith('0.') ? [] : ['--v0-compatible'];
  const printed = run(opa(version, say), ['eval', ...language, '-d', rule, '-i', input, '-f', 'json', query]);
  return JSON.parse(printed).result[0].expressions[0].value;
}

test.each(OPA_VERSIONS)('OPA %s accepts and refuses every pod as it should', (version) => {
  for (const { kind, metadata, spec } of constraints) {
    const outside = 'excludedNamespaces' in spec.match;
    // Gatekeeper asks a rule about pods of the namespaces in its match only.
    const cases = CASES.filter(
      ({ constraint, namespace }) => constraint === metadata.name && outside === (namespace !== undefined),
    );
    const inputs = cases.map((each) => ({ review: { object: podOf(each) }, parameters: spec.parameters ?? {} }));
    const found = evaluate(version, kind, inputs);
    cases.forEach(({ name, refused }, index) => {
      const expected = refused === undefined ? [] : [expect.stringContaining(refused)];
      expect([name, found[index]]).toEqual([name, expected]);
    });
  }
});
