type Task = () => Promise<void>;

/** Tasks that call the module, such as a player's join. The game's loop runs them in order, between ticks and frames. */
export class TaskQueue {
  readonly #tasks: Task[] = [];
  #wake: () => void = () => {};

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  add(task: Task): void {
    this.#tasks.push(task);
    this.wake();
  }

  /** Adds a task that runs before all others. */
  addFirst(task: Task): void {
    this.#tasks.unshift(task);
    this.wake();
  }

  take(): Task | undefined {
    return this.#tasks.shift();
  }

  /** Resolves when the next task is added, or when `wake` is called. */
  nextWake(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }
}
