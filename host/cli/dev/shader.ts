import { excerpt, type Problem } from './build.ts';

const SHOWN_MAX = 8;

/**
 * Collects the browser's compilation messages about shaders. A validation error names at most a line, while these messages
 * have positions, so the page can show the lines around each error.
 */
export class ShaderNotes {
  readonly #waiting = new Set<Promise<void>>();
  #problems: Problem[] = [];

  /** Watches every shader module that the device creates from now on. */
  constructor(device: GPUDevice) {
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      const module = create(descriptor);
      const problems = this.#problems;
      const noted = module.getCompilationInfo().then(
        ({ messages }) => {
          // A text whose loops are counted follows the one that the author wrote, and has the same errors.
          const found = read(descriptor, messages).filter(
            (problem) => !problems.some((other) => isSame(problem, other)),
          );
          problems.push(...found);
        },
        () => {},
      );
      this.#waiting.add(noted);
      void noted.then(() => this.#waiting.delete(noted));
      return module;
    };
  }

  /** Forgets all messages about shaders. Call this when another build of the game starts. */
  reset(): void {
    this.#problems = [];
  }

  /** Returns the errors of the shaders that were compiled so far. */
  async problems(): Promise<Problem[]> {
    const problems = this.#problems;
    await Promise.all(this.#waiting);
    return problems.slice(0, SHOWN_MAX);
  }
}

/** Whether two problems are the same, at columns that may differ. */
function isSame(a: Problem, b: Problem): boolean {
  return a.message === b.message && a.file === b.file && a.line === b.line;
}

function read({ label, code }: GPUShaderModuleDescriptor, messages: readonly GPUCompilationMessage[]): Problem[] {
  const file = label || 'a shader without a label';
  return messages
    .filter(({ type }) => type === 'error')
    .map(({ message, lineNum: line, linePos: column, length }) => {
      const problem = { message: `NL_GPU_VALIDATION: ${message}`, file };
      return line > 0 ? { ...problem, line, column, length, excerpt: excerpt(code, line) } : problem;
    });
}
