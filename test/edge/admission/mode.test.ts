import { expect, test } from 'vitest';
import { readConfig } from '../../../host/base/config.ts';
import { admissionMode } from '../../../host/edge/admission/mode.ts';

const ISSUER = { OIDC_ISSUER: 'https://issuer.example', OIDC_AUDIENCE: 'games' };

test.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost'])('without a setting, anyone may join at %s', (host) => {
  expect(admissionMode(readConfig({ HOST: host }))).toBe('open');
});

test.each(['0.0.0.0', '::', '192.0.2.1', '128.0.0.1', '::2', '2001:db8::1'])(
  'a host that listens at %s does not start without a setting, and says which one it needs',
  (host) => {
    const config = readConfig({ HOST: host });
    expect(() => admissionMode(config)).toThrow(
      `listening at ${host} would let anyone who reaches it join; set ADMISSION=open`,
    );
    expect(admissionMode({ ...config, admission: 'open' })).toBe('open');
  },
);

test('a pod, which listens at all of its addresses, does not start without a setting', () => {
  const config = { ...readConfig({}), host: '' };
  expect(() => admissionMode(config)).toThrow('listening at all addresses of this machine');
  expect(admissionMode({ ...config, admission: 'open' })).toBe('open');
});

test('a host with an edge service lets that decide, whatever its own settings say', () => {
  for (const env of [{}, { HOST: '0.0.0.0' }, { ADMISSION: 'open' }, { ADMISSION: 'token' }])
    expect(admissionMode(readConfig({ ...env, EDGE_SOCKET: '/run/edge.sock' }))).toBe('edge');
});

test('admission by tokens needs the issuer and the audience, wherever the host listens', () => {
  for (const HOST of ['127.0.0.1', '0.0.0.0']) {
    const mode = (env: Record<string, string>) => admissionMode(readConfig({ HOST, ADMISSION: 'token', ...env }));
    expect(mode(ISSUER)).toBe('token');
    for (const missing of Object.keys(ISSUER))
      expect(() => mode({ ...ISSUER, [missing]: '' })).toThrow('needs OIDC_ISSUER');
  }
});
