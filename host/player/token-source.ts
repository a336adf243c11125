/** Returns the token or join ticket with which the player joins; undefined if there is none. It is asked for each attempt to connect. */
export type TokenSource = () => Promise<string | undefined>;
