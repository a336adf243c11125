import { expect, it } from 'vitest';
import { CASES } from './cases.ts';
import { type Rule, readRules, type Template } from './suites.ts';

const templates = readRules<Template>('templates', 'ConstraintTemplate');
const constraints = readRules<Rule>('constraints', 'Nearlight');
const schemaOf = ({ spec }: Template) => spec.crd.spec.validation?.openAPIV3Schema.properties ?? {};

it('each constraint has a template, which has all its parameters', () => {
  expect(constraints.map(({ metadata }) => metadata.name)).toHaveLength(7);
  for (const { kind, spec } of constraints) {
    const template = templates.find((each) => each.spec.crd.spec.names.kind === kind);
    expect(template?.metadata.name).toBe(kind.toLowerCase());
    for (const { rego } of template?.spec.targets ?? [])
      expect(rego).toMatch(new RegExp(`^package ${kind.toLowerCase()}\n`));
    const names = template === undefined ? [] : Object.keys(schemaOf(template));
    expect(names).toEqual(expect.arrayContaining(Object.keys(spec.parameters ?? {})));
  }
  expect(new Set(constraints.map(({ kind }) => kind)).size).toBe(templates.length);
});

it('all constraints concern the pods of the same namespaces', () => {
  for (const { metadata, spec } of constraints) {
    const { kinds, ...where } = spec.match;
    expect(kinds).toEqual([{ apiGroups: [''], kinds: ['Pod'] }]);
    const key = metadata.name === 'games-run-in-their-namespaces' ? 'excludedNamespaces' : 'namespaces';
    expect(where).toEqual({ [key]: ['nearlight'] });
  }
});

it('each constraint has pods that it accepts and pods that it refuses', () => {
  const names = constraints.map(({ metadata }) => metadata.name);
  expect([...new Set(CASES.map(({ constraint }) => constraint))].sort()).toEqual(names.sort());
  for (const name of names) {
    const refused = CASES.filter(({ constraint }) => constraint === name).map((each) => each.refused !== undefined);
    expect(new Set(refused)).toEqual(new Set([true, false]));
  }
});
