/** A descriptor of WebGPU that is filled again and again: members that a command does not give are undefined. */
export type Loose<T> = { -readonly [K in keyof T]: T[K] | undefined };
