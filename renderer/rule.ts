// Risk rules import this file as @nearlight/sdk/rule. A rule's file also re-exports the functions that the host calls.
export { Answer, atJoin, Decide, duringPlay, Facts, init, join, leave, render, tick, version } from './sdk/rule';
