import type { Setting } from './setting.ts';

/** The settings of risk rules. */
export const riskSettings = {
  riskRules: {
    env: 'RISK_RULES',
    default: '',
    form: 'rules',
    about:
      'modules of risk rules, separated by commas: closed:FILE refuses players if the rule fails, open:FILE lets them pass',
  },
  riskMsMax: {
    env: 'RISK_MS_MAX',
    default: 250,
    min: 1,
    max: 10_000,
    about: 'time limit for one decision of a risk rule, in milliseconds',
  },
  riskPlayMs: {
    env: 'RISK_PLAY_MS',
    default: 5000,
    min: 1000,
    max: 600_000,
    about: 'interval at which risk rules look at the input of each player who plays, in milliseconds',
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
