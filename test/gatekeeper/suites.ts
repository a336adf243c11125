import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { CASES } from './cases.ts';
import { podOf } from './pods.ts';

export const RULES = join(import.meta.dirname, '../../oci/k3s/gatekeeper');

export interface Rule {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: { match: Record<string, object>; parameters?: Record<string, object> };
}

export interface Template {
  metadata: { name: string };
  spec: {
    crd: {
      spec: { names: { kind: string }; validation?: { openAPIV3Schema: { properties: Record<string, object> } } };
    };
    targets: { rego: string }[];
  };
}

/** Reads all objects of a kind from the files of a folder of the rules; those whose kind begins with `kind`. */
export function readRules<T>(folder: 'templates' | 'constraints', kind: string): T[] {
  return readdirSync(join(RULES, folder))
    .filter((name) => name !== 'kustomization.yaml')
    .flatMap((name) => parseAllDocuments(readFileSync(join(RULES, folder, name), 'utf8')))
    .map((document) => document.toJS() as T & { kind: string })
    .filter((object) => object.kind.startsWith(kind));
}

/** Writes a suite for `gator verify` with a test for each constraint, and all files that it names. */
export function writeSuites(folder: string): void {
  cpSync(join(RULES, 'templates'), join(folder, 'templates'), { recursive: true });
  for (const name of ['constraints', 'pods']) mkdirSync(join(folder, name), { recursive: true });
  const templates = readRules<Template>('templates', 'ConstraintTemplate');
  const tests = readRules<Rule>('constraints', 'Nearlight').map((constraint) => {
    const { name } = constraint.metadata;
    writeFileSync(join(folder, 'constraints', `${name}.yaml`), stringify(constraint));
    const template = must(
      templates.find(({ spec }) => spec.crd.spec.names.kind === constraint.kind),
      constraint.kind,
    );
    writeFileSync(join(folder, 'templates', `${template.metadata.name}.yaml`), stringify(template));
    const cases = CASES.filter((each) => each.constraint === name).map((each, index) => {
      const object = `pods/${name}-${index}.yaml`;
      writeFileSync(join(folder, object), stringify(podOf(each)));
      const assertions =
        each.refused === undefined
          ? [{ violations: 'no' }]
          : [{ violations: 1 }, { violations: 1, message: literal(each.refused) }];
      return { name: each.name, object, assertions };
    });
    return {
      name,
      template: `templates/${template.metadata.name}.yaml`,
      constraint: `constraints/${name}.yaml`,
      cases,
    };
  });
  const suite = { apiVersion: 'test.gatekeeper.sh/v1alpha1', kind: 'Suite', metadata: { name: 'nearlight' }, tests };
  writeFileSync(join(folder, 'suite.yaml'), stringify(suite));
}

/** Writes a regular expression that matches only this text. */
function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
