// Makes system calls inside another process, as code would that has taken over that process. The calls pass every layer that
// confines the process, because the kernel sees the process itself make them. Linux on x86-64, as root.
//   inject PID NUMBER ARGUMENT... [-- NUMBER ARGUMENT...]...
// An argument is a number, s:TEXT for the address of a text, or z:N for that of N zero bytes. Prints a line for each call:
// "result N", or "killed SIGNAL" if the call ended the process. No call follows one that ended the process. The instruction for the calls
// stands at the entry point of the process's program meanwhile, which no thread executes a second time.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <string>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <vector>

namespace {

constexpr long SYSCALL_INSTRUCTION = 0x050f;
constexpr unsigned long RED_ZONE_BYTES = 4096;

pid_t process;

[[noreturn]] void fail(const char *what) {
  std::perror(what);
  std::exit(1);
}

long peek(unsigned long address) { return ptrace(PTRACE_PEEKDATA, process, address, nullptr); }

void poke(unsigned long address, long word) {
  if (ptrace(PTRACE_POKEDATA, process, address, word) != 0) fail("PTRACE_POKEDATA");
}

void write(unsigned long address, const std::string &bytes) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(long)) {
    long word = 0;
    std::memcpy(&word, bytes.data() + at, std::min(sizeof word, bytes.size() - at));
    poke(address + at, word);
  }
}

// Waits for the next stop of the process. Exits with a message if the process has ended instead.
void awaitStop() {
  int status;
  if (waitpid(process, &status, __WALL) < 0) fail("waitpid");
  if (WIFSTOPPED(status)) return;
  if (WIFSIGNALED(status)) std::printf("killed %d\n", WTERMSIG(status));
  else std::printf("killed 0\n");
  std::exit(0);
}

// Returns the address of the first instruction of the process's program.
unsigned long entryPoint() {
  std::ifstream auxv("/proc/" + std::to_string(process) + "/auxv", std::ios::binary);
  for (Elf64_auxv_t entry; auxv.read(reinterpret_cast<char *>(&entry), sizeof entry);)
    if (entry.a_type == AT_ENTRY) return entry.a_un.a_val;
  fail("AT_ENTRY");
}

void call(user_regs_struct registers, const std::vector<std::string> &words) {
  unsigned long long *const places[] = {&registers.rax, &registers.rdi, &registers.rsi, &registers.rdx,
                                        &registers.r10, &registers.r8,  &registers.r9};
  unsigned long free = (registers.rsp - RED_ZONE_BYTES) & ~15UL;
  for (size_t n = 0; n < words.size() && n < 7; n++) {
    const std::string &word = words[n];
    if (word.rfind("s:", 0) == 0 || word.rfind("z:", 0) == 0) {
      std::string bytes = word[0] == 's' ? word.substr(2) + '\0' : std::string(std::atoi(word.c_str() + 2), '\0');
      free = (free - bytes.size()) & ~15UL;
      write(free, bytes);
      *places[n] = free;
    } else {
      *places[n] = static_cast<unsigned long long>(std::strtoll(word.c_str(), nullptr, 0));
    }
  }
  // -1: the kernel must not restart the call that the process was in.
  registers.orig_rax = static_cast<unsigned long long>(-1);
  if (ptrace(PTRACE_SETREGS, process, nullptr, &registers) != 0) fail("PTRACE_SETREGS");
  if (ptrace(PTRACE_SINGLESTEP, process, nullptr, nullptr) != 0) fail("PTRACE_SINGLESTEP");
  awaitStop();
  if (ptrace(PTRACE_GETREGS, process, nullptr, &registers) != 0) fail("PTRACE_GETREGS");
  std::printf("result %lld\n", static_cast<long long>(registers.rax));
}

} // namespace

int main(int count, char **arguments) {
  if (count < 3) return 2;
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  process = std::atoi(arguments[1]);
  if (ptrace(PTRACE_ATTACH, process, nullptr, nullptr) != 0) fail("PTRACE_ATTACH");
  awaitStop();
  user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, process, nullptr, &registers) != 0) fail("PTRACE_GETREGS");
  user_regs_struct calling = registers;
  calling.rip = entryPoint();
  long code = peek(calling.rip);
  poke(calling.rip, (code & ~0xffffL) | SYSCALL_INSTRUCTION);
  std::vector<std::string> words;
  for (int at = 2; at <= count; at++) {
    if (at < count && std::strcmp(arguments[at], "--") != 0) {
      words.push_back(arguments[at]);
      continue;
    }
    call(calling, words);
    words.clear();
  }
  poke(calling.rip, code);
  ptrace(PTRACE_SETREGS, process, nullptr, &registers);
  ptrace(PTRACE_DETACH, process, nullptr, nullptr);
}
