import type { Setting } from './setting.ts';

/** The settings that say who may join: tokens of an issuer, tickets, policies, and limits for each account. */
export const admissionSettings = {
  admission: {
    env: 'ADMISSION',
    default: '',
    form: 'admission',
    about:
      'who may join: open: anyone; token: players with a token of OIDC_ISSUER whom the policies let in. Without it, anyone if HOST is a loopback address; at any other address the host does not start',
  },
  oidcIssuer: {
    env: 'OIDC_ISSUER',
    default: '',
    form: 'serviceUrl',
    about: "URL of the OpenID Connect issuer of players' tokens, exactly as its tokens name it (iss)",
  },
  oidcAudience: {
    env: 'OIDC_AUDIENCE',
    default: '',
    about: "audience for which players' tokens must be made (aud)",
  },
  oidcRoleClaim: {
    env: 'OIDC_ROLE_CLAIM',
    default: 'role',
    form: 'claim',
    about:
      "claim of a token that holds the player's role, a text or a list of texts; realm_access.roles is a nested one",
  },
  tokenBytesMax: {
    env: 'TOKEN_BYTES_MAX',
    default: 8192,
    min: 512,
    max: 14_336,
    about: "size limit of a player's token or join ticket",
  },
  clockToleranceSeconds: {
    env: 'CLOCK_TOLERANCE_SECONDS',
    default: 30,
    min: 0,
    max: 600,
    about: "difference between the issuer's clock and this machine's that is forgiven, in seconds",
  },
  issuerMsMax: {
    env: 'ISSUER_MS_MAX',
    default: 3000,
    min: 10,
    max: 60_000,
    about: 'time limit for one answer of OIDC_ISSUER',
  },
  keysRefreshSeconds: {
    env: 'KEYS_REFRESH_SECONDS',
    default: 300,
    min: 1,
    max: 86_400,
    about: "age at which the issuer's keys are fetched again, in seconds. A token with an unknown key fetches them too",
  },
  keysSecondsMax: {
    env: 'KEYS_SECONDS_MAX',
    // A day without a line, and as long as KEYS_REFRESH_SECONDS can be before it.
    default: 172_800,
    min: 1,
    max: 2_592_000,
    about: "age up to which the issuer's keys are used while the issuer does not answer, in seconds",
  },
  ticketMsMax: {
    env: 'TICKET_MS_MAX',
    default: 10_000,
    min: 100,
    max: 120_000,
    about: 'time for which a join ticket is valid and its seat is kept',
  },
  accountSeatsMax: {
    env: 'ACCOUNT_SEATS_MAX',
    default: 4,
    min: 1,
    max: 10_000,
    about: 'limit on the seats, and on the places of spectators, that one account takes in all games',
  },
  accountJoinsPerSecondMax: {
    env: 'ACCOUNT_JOINS_PER_SECOND_MAX',
    default: 2,
    min: 1,
    max: 10_000,
    about: 'limit on the joins per second of one account; four times as many may come at once',
  },
  opaUrl: {
    env: 'OPA_URL',
    default: '',
    form: 'serviceUrl',
    about: 'URL of an OPA server that decides instead of the policies in POLICY_BUNDLE',
  },
  opaMsMax: { env: 'OPA_MS_MAX', default: 500, min: 1, max: 60_000, about: 'time limit for one answer of OPA_URL' },
  opaCacheMs: {
    env: 'OPA_CACHE_MS',
    default: 1000,
    min: 0,
    max: 60_000,
    about: 'time for which a decision of OPA_URL also answers other joins with the same input; 0: each asks',
  },
  policyBundle: {
    env: 'POLICY_BUNDLE',
    default: '',
    about:
      'file with an OPA policy bundle (opa build -t wasm -e gaming/allow -e game/allow); empty: the one that comes along',
  },
  policyBytesMax: {
    env: 'POLICY_BYTES_MAX',
    default: 8 * 2 ** 20,
    min: 1024,
    max: 2 ** 28,
    about: 'size limit of an OPA policy bundle, packed and unpacked',
  },
  policyFailOpen: {
    env: 'POLICY_FAIL_OPEN',
    default: 'game',
    form: 'packages',
    about:
      'packages of policies that let players in while they cannot be evaluated, separated by commas (gaming: join, game: watch and return); none: all refuse',
  },
  decisionLog: {
    env: 'DECISION_LOG',
    default: '',
    about:
      "file to which each decision of a policy is added in OPA's format, one JSON object a line; log: the host's own log; empty: none",
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
