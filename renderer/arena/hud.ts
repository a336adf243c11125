import { Fighter, HEALTH_MAX } from './fighter';
import { FEED_MAX, Match, RESPAWN_SECONDS } from './match';
import { Rgb } from './palette';

const BOXES_MAX = 256;
const BOX_WORDS = 12;
const PIPS_MAX = 15;

/** The display over a player's picture, drawn as boxes with round corners. Places are in pixels from the top left. */
export class Hud {
  /** Twelve numbers for each box: middle, half size; corner radius, cosine and sine of its turn, 0; colour, alpha. */
  readonly boxes: StaticArray<f32> = new StaticArray<f32>(BOXES_MAX * BOX_WORDS);
  count: i32 = 0;
  /** Number of the first boxes, which fade out upwards. */
  edgeCount: i32 = 0;
  private readonly white: Rgb = new Rgb(1, 1, 1);
  private readonly black: Rgb = new Rgb(0.02, 0.015, 0.04);
  private readonly red: Rgb = new Rgb(1, 0.22, 0.2);
  /** Pixels per unit of the display's layout: 1 if the picture is 720 pixels high. */
  private unit: f32 = 1;

  /** Lays out the display for one player's picture. */
  build(match: Match, self: Fighter, width: f32, height: f32): void {
    this.count = 0;
    this.edges(self, width, height);
    this.edgeCount = this.count;
    this.unit = max<f32>(min(width * 1.3, height) / 720, 0.62);
    if (self.alive) {
      this.crosshair(self, width * 0.5, height * 0.5);
      this.health(self, width * 0.5, height - 34 * this.unit);
    } else if (self.active) {
      this.waiting(self, width * 0.5, height * 0.5);
    }
    this.scores(match, self);
    this.feed(match, width);
  }

  /** Colours the edges of the picture: red when the player is hurt, dark when dead. */
  private edges(self: Fighter, width: f32, height: f32): void {
    const weak: f32 = max<f32>(0.35 - self.health * 0.01, 0);
    const alpha: f32 = self.alive ? min<f32>(self.hurt * 0.55 + weak, 0.8) : 0.85;
    if (alpha < 0.01) return;
    const color = self.alive ? this.red : this.black;
    const x: f32 = width * 0.5;
    const y: f32 = height * 0.5;
    const depth: f32 = min(width, height) * (self.alive ? <f32>0.09 : <f32>0.2);
    this.turned(x, height - depth, x, depth, 0, 1, 0, color, alpha);
    this.turned(x, depth, x, depth, 0, -1, 0, color, alpha);
    this.turned(depth, y, y, depth, 0, 0, 1, color, alpha);
    this.turned(width - depth, y, y, depth, 0, 0, -1, color, alpha);
  }

  private crosshair(self: Fighter, x: f32, y: f32): void {
    const u = this.unit;
    const gap: f32 = (6.5 + 5 * self.muzzle) * u;
    const long: f32 = 4.2 * u;
    const thin = max<f32>(0.95 * u, 0.8);
    for (let pass = 0; pass < 2; pass++) {
      // A dark edge is drawn first, so that the crosshair also shows against the bright sky.
      const more: f32 = pass === 0 ? 1 : 0;
      const color = pass === 0 ? this.black : this.white;
      const alpha: f32 = pass === 0 ? 0.4 : 0.92;
      this.box(x - gap - long, y, long + more, thin + more, 1, color, alpha);
      this.box(x + gap + long, y, long + more, thin + more, 1, color, alpha);
      this.box(x, y - gap - long, thin + more, long + more, 1, color, alpha);
      this.box(x, y + gap + long, thin + more, long + more, 1, color, alpha);
    }
    this.box(x, y, 1.3 * u, 1.3 * u, 1.3 * u, self.color, 0.95);
    const mark = max(self.hitMark, self.killMark);
    if (mark <= 0) return;
    const away: f32 = (13 + 5 * (1 - mark)) * u;
    const color = self.killMark > 0 ? this.red : this.white;
    const d: f32 = Mathf.SQRT1_2;
    for (let i = 0; i < 4; i++) {
      const sx: f32 = (i & 1) === 0 ? d : -d;
      const sy: f32 = (i & 2) === 0 ? d : -d;
      this.turned(x + sx * away, y + sy * away, 5.5 * u, 1.3 * u, 1.3 * u, d, sx * sy > 0 ? d : -d, color, mark);
    }
  }

  /** Draws the health bar in five parts, each as long as one hit by a human player takes away. */
  private health(self: Fighter, x: f32, y: f32): void {
    const u = this.unit;
    const half: f32 = 27 * u;
    const step: f32 = 60 * u;
    const low = self.health < 35;
    this.box(x, y, 2.5 * step + 5 * u, 10 * u, 7 * u, this.black, 0.42);
    for (let i = 0; i < 5; i++) {
      const filled: f32 = min(max((self.health / HEALTH_MAX) * 5 - <f32>i, <f32>0), <f32>1);
      const middle = x + (<f32>i - 2) * step;
      this.box(middle, y, half, 4 * u, 2.5 * u, this.white, 0.14);
      if (filled > 0) {
        this.box(middle - half * (1 - filled), y, half * filled, 4 * u, 2.5 * u, low ? this.red : self.color, 0.95);
      }
    }
  }

  private waiting(self: Fighter, x: f32, y: f32): void {
    const u = this.unit;
    const filled: f32 = min<f32>(max<f32>(1 - self.respawn / RESPAWN_SECONDS, 0), 1);
    this.box(x, y, 84 * u, 9 * u, 9 * u, this.black, 0.5);
    this.box(x, y, 78 * u, 3.5 * u, 3.5 * u, this.white, 0.16);
    this.box(x - 78 * u * (1 - filled), y, 78 * u * filled, 3.5 * u, 3.5 * u, self.color, 0.95);
  }

  /** Draws a row for each fighter: its color, and a small bar for each kill. The player's own row has a darker background. */
  private scores(match: Match, self: Fighter): void {
    const u = this.unit;
    const x: f32 = 26 * u;
    // The rows begin below the web page's own status line.
    let y: f32 = 92 * u;
    for (let i = 0; i < match.fighters.length; i++) {
      const fighter = match.fighters[i];
      if (!fighter.active) continue;
      const pips = min(fighter.kills, PIPS_MAX);
      const width: f32 = (14 + 4.5 * <f32>pips) * u;
      const own = fighter.index === self.index;
      this.box(x + width - 14 * u, y, width, 10.5 * u, 6 * u, this.black, own ? 0.55 : 0.32);
      this.box(x, y, 6 * u, 6 * u, fighter.bot ? 1.5 * u : 6 * u, fighter.color, fighter.alive ? 0.95 : 0.35);
      if (own) this.box(x, y, 2.2 * u, 2.2 * u, 2.2 * u, this.white, 0.95);
      for (let k = 0; k < pips; k++) {
        this.box(x + (16 + 9 * <f32>k) * u, y, 2.2 * u, 5.5 * u, 1.6 * u, fighter.color, 0.9);
      }
      y += 25 * u;
    }
  }

  /** Draws a row for each recent kill: the killer's color, a bolt and the victim's color. */
  private feed(match: Match, width: f32): void {
    const u = this.unit;
    const x = width - 56 * u;
    for (let i = 0; i < FEED_MAX; i++) {
      const kill = match.feed[i];
      const alpha = min<f32>(kill.left, 1);
      if (alpha <= 0) continue;
      const killer = match.fighters[kill.killer];
      const victim = match.fighters[kill.victim];
      const y: f32 = (26 + 25 * <f32>i) * u;
      this.box(x, y, 40 * u, 10.5 * u, 6 * u, this.black, 0.42 * alpha);
      this.box(x - 27 * u, y, 6 * u, 6 * u, killer.bot ? 1.5 * u : 6 * u, killer.color, 0.95 * alpha);
      this.box(x - 2 * u, y, 9 * u, 1.3 * u, 1.3 * u, this.white, 0.85 * alpha);
      this.box(x + 7 * u, y, 2.6 * u, 2.6 * u, 2.6 * u, this.white, 0.85 * alpha);
      this.box(x + 27 * u, y, 6 * u, 6 * u, victim.bot ? 1.5 * u : 6 * u, victim.color, 0.5 * alpha);
    }
  }

  private box(x: f32, y: f32, halfWidth: f32, halfHeight: f32, radius: f32, color: Rgb, alpha: f32): void {
    this.turned(x, y, halfWidth, halfHeight, radius, 1, 0, color, alpha);
  }

  private turned(
    x: f32,
    y: f32,
    halfWidth: f32,
    halfHeight: f32,
    radius: f32,
    cos: f32,
    sin: f32,
    color: Rgb,
    alpha: f32,
  ): void {
    if (this.count === BOXES_MAX) return;
    const at = this.count++ * BOX_WORDS;
    const out = this.boxes;
    unchecked((out[at] = x));
    unchecked((out[at + 1] = y));
    unchecked((out[at + 2] = halfWidth));
    unchecked((out[at + 3] = halfHeight));
    unchecked((out[at + 4] = min(radius, min(halfWidth, halfHeight))));
    unchecked((out[at + 5] = cos));
    unchecked((out[at + 6] = sin));
    unchecked((out[at + 7] = 0));
    unchecked((out[at + 8] = color.r));
    unchecked((out[at + 9] = color.g));
    unchecked((out[at + 10] = color.b));
    unchecked((out[at + 11] = alpha));
  }
}
