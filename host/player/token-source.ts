/** Returns the token or join ticket with which the player joins; undefined if there is none. The page calls it for each attempt to connect. */
export type TokenSource = () => Promise<string | undefined>;
