import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settings } from '../../host/base/config.ts';
import { errors } from '../../host/base/errors.ts';
import { PLACE_MS_MAX } from '../../host/fleet/allocate/queue.ts';
import { PLAYERS_MAX, REQUEST_BYTES_MAX } from '../../host/fleet/allocate/request.ts';
import { ANNOTATION, RESERVATIONS_MAX, SETTLE_MS } from '../../host/fleet/allocate/reservations.ts';
import {
  ADDRESS_ANNOTATION,
  CLOSED_ANNOTATION,
  COST_ANNOTATION,
  STATE_LABEL,
  VERSION_LABEL,
} from '../../host/fleet/allocate/server.ts';
import { NODE_MS_MAX, REGION_LABEL } from '../../host/fleet/allocate/servers.ts';
import { REPORT_BYTES_MAX } from '../../host/fleet/nodes/report.ts';
import { ROUTES } from '../../host/fleet/service/routes.ts';

const text = readFileSync(join(import.meta.dirname, '../../host/fleet/FLEET.md'), 'utf8');

test('the document lists every call with the roles that may make it', () => {
  const rows = [...text.matchAll(/^\| (`(?:GET|POST|DELETE) .*?`.*?) \| (.*?) \|/gm)].map(
    ([, calls = '', roles = '']) => ({
      calls,
      roles,
    }),
  );
  for (const { method, path, allowed } of ROUTES) {
    const row = rows.find(({ calls }) =>
      [...calls.matchAll(/`(GET|POST|DELETE) ([^`?]+)/g)].some(
        ([, verb, example = '']) => verb === method && path.test(example.toLowerCase()),
      ),
    );
    expect([path, row !== undefined]).toEqual([path, true]);
    const expected = allowed === 'node' ? ['FLEET_NODE_TOKEN'] : allowed === 'anyone' ? ['anyone'] : allowed;
    for (const role of expected) expect(row?.roles).toContain(role);
    if (Array.isArray(allowed)) expect(row?.roles.split(', ')).toHaveLength(allowed.length);
  }
});

test('the limits in the document are those of the code', () => {
  for (const part of [
    `| reservations of one pod | ${RESERVATIONS_MAX} |`,
    `| ${REQUEST_BYTES_MAX / 1024} KiB, ${REPORT_BYTES_MAX / 2 ** 20} MiB |`,
    `| \`players\` | 1 to ${PLAYERS_MAX};`,
    `${settings.fleetTicketMsMax.default / 1000} s), and ${SETTLE_MS / 1000} s more`,
    `within ${settings.fleetLatencyMsMax.default} ms (\`FLEET_LATENCY_MS_MAX\`)`,
    `whose reports stop for ${NODE_MS_MAX / 1000} s`,
    `that no one asks about for ${PLACE_MS_MAX / 1000} s`,
  ])
    expect(text).toContain(part);
});

test('the document names each annotation, label, setting and error by its name', () => {
  const names = [
    ANNOTATION,
    ADDRESS_ANNOTATION,
    CLOSED_ANNOTATION,
    COST_ANNOTATION,
    STATE_LABEL,
    VERSION_LABEL,
    REGION_LABEL,
  ];
  for (const name of names) expect(text).toContain(`\`${name}`);
  const known = new Set(Object.values(settings).map(({ env }) => env as string));
  for (const [, name = ''] of text.matchAll(/`((?:FLEET|OIDC|KUBE|POD|SPECTATORS)_[A-Z_]+)\b/g))
    expect(known).toContain(name);
  for (const [code] of text.matchAll(/NL_[A-Z_]+/g)) expect(errors).toHaveProperty(code);
});
