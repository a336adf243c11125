import { type Config, readConfig, settings } from '../base/config.ts';

/** The settings that a pod may set in its environment. The node sets all others, above all the limits for modules. */
const POD_SETTINGS = [
  'port',
  'host',
  'operatorPort',
  'operatorHost',
  'allowedHosts',
  'allowedOrigins',
  'trustedProxies',
  'httpConnectionsMax',
  'offersPerSecondMax',
  'addressOffersPerSecondMax',
  'halfOpenMax',
  'addressHalfOpenMax',
  'addressSeatsMax',
  'addressHeldMax',
  'queueMax',
  'addressQueueMax',
  'iceMsMax',
  'roomPixelsPerSecondMax',
  'gpuEnabled',
  'maxPlayers',
  'tickRate',
  'seed',
  'viewWidthMax',
  'viewHeightMax',
  'viewFpsMax',
  'bitrateMax',
  'offerBytesMax',
  'offerLineBytesMax',
  'inputBytesMax',
  'connectMsMax',
  'icePort',
  'iceAddress',
  'turnUrls',
  'turnSecret',
  'spectatorsMax',
  'spectatorDelayMs',
  'idleMsMax',
  'holdMsMax',
  'returnMsMax',
  'reloadMsMax',
  'closeMsMax',
  'drainSecondsMax',
  'carryKey',
  'carryUrl',
  'keyframeMsMin',
  'stallMsMax',
  'channelBytesMax',
  'inputSilenceMsMax',
  'inputErrorsMax',
  'inputRateMax',
  'inputTokensPerSecond',
  'inputTokensMax',
  'inputLeaksPerSecond',
  'inputCalmPercent',
  'inputFightPercent',
  'fightActionsPerSecond',
  'fightFramesMin',
  'inputWarmPercent',
  'inputDropsMax',
  'admission',
  'oidcIssuer',
  'oidcAudience',
  'oidcRoleClaim',
  'tokenBytesMax',
  'clockToleranceSeconds',
  'issuerMsMax',
  'keysRefreshSeconds',
  'keysSecondsMax',
  'ticketMsMax',
  'fleetKeys',
  'accountSeatsMax',
  'accountJoinsPerSecondMax',
  'opaUrl',
  'opaMsMax',
  'opaCacheMs',
  'policyFailOpen',
  'chaos',
  'burstJoinsPerSecond',
  'burstJoinsWaitingMax',
  'burstChatPerSecond',
  'burstBusQueueMax',
] as const satisfies readonly (keyof Config)[];

/** A little less than the grace period that Kubernetes gives a pod by default. */
const DRAIN_SECONDS = 25;

/**
 * Returns the settings of a pod: some from its environment, all others from the node.
 * @param node the node's settings
 * @param env the container's environment
 * @throws NearlightError NL_SETTING
 */
export function podConfig(node: Config, env: Record<string, string>): Config {
  const read = readConfig(
    Object.fromEntries(POD_SETTINGS.map((name) => [settings[name].env, env[settings[name].env]])),
  );
  const drainSecondsMax = env.DRAIN_SECONDS_MAX ? read.drainSecondsMax : DRAIN_SECONDS;
  const own = Object.fromEntries(POD_SETTINGS.map((name) => [name, read[name]]));
  // The host of a pod sees no files but its own, so the decisions of policies can go to its log alone.
  const decisionLog = env.DECISION_LOG === 'log' ? 'log' : node.decisionLog;
  // Every address in a pod belongs to the pod, so the servers listen on all of them.
  return { ...node, ...own, drainSecondsMax, decisionLog, host: env.HOST ?? '', operatorHost: env.OPERATOR_HOST ?? '' };
}
