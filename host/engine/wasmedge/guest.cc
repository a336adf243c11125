// The guest program. It runs one game's module in a process of its own, and calls the module's exports at the host's request.
//   guest run LAYERS         expects the shared memory at FD_MAPPING and the host's socket at FD_SOCKET
//   guest interpret LAYERS   the same for modules that WasmEdge's interpreter runs
//   guest compile LAYERS LEVEL DATA_BYTES CPU_SECONDS
//   guest version            prints the version of WasmEdge, then the path of every loaded library
// The program jailer starts the first three. They end with EXIT_LAYERS if a layer of confinement in the bit mask LAYERS does
// not hold.
#include "compile.h"
#include "constants.h"
#include "filter.h"
#include "instance.h"
#include "jail.h"
#include "limits.h"
#include "trace.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <link.h>
#include <new>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasmedge/wasmedge.h>

namespace {

// Size limit of the scratch folder, which holds the native code of one module.
constexpr uint64_t SCRATCH_BYTES = uint64_t{1} << 30;

Mapping mapping;

// Waits for one request of the host. A request to load a module carries up to two file descriptors: the module's code, then
// the asset pack. Returns false when the host has closed its end of the socket.
bool receive(int *fds) {
  uint8_t byte;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t length;
  do length = recvmsg(FD_SOCKET, &message, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  if (length <= 0) return false;
  fds[0] = fds[1] = -1;
  for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
      std::memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
  return true;
}

// Tells the host that the response to its request is complete.
void respond() {
  mapping.set(RESPONSE_SEQUENCE, mapping.get(REQUEST_SEQUENCE));
  uint8_t byte = 0;
  send(FD_SOCKET, &byte, 1, MSG_NOSIGNAL);
}

[[noreturn]] void outOfMemory() {
  mapping.set(RESPONSE_STATUS, STATUS_MEMORY);
  respond();
  _exit(EXIT_MEMORY);
}

// Opens the file in the scratch folder to which the native code is copied. The process can open no file for writing later.
bool openCodeFile() {
  int file = open(CODE_PATH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || file == FD_CODE) return file == FD_CODE;
  bool isMoved = dup3(file, FD_CODE, O_CLOEXEC) == FD_CODE;
  close(file);
  return isMoved;
}

// Confines this process before it gets anything from a module. Returns the layers that hold.
uint32_t confine(bool interpreter) {
  exitOnAbort();
  if (interpreter) redirectInterpreterLog();
  uint32_t layers = enterJail({FD_PARENT + 1, SCRATCH_BYTES, !interpreter, false});
  if ((layers & LAYER_EMPTY_ROOT) != 0 && !interpreter && !openCodeFile()) layers &= ~LAYER_EMPTY_ROOT;
  if (!forbidThreads()) layers &= ~LAYER_LIMITS;
  if (filterSystemCalls({Phase::load, interpreter})) layers |= LAYER_SECCOMP;
  return layers;
}

int run(bool interpreter, uint32_t required) {
  struct stat file {};
  if (fstat(FD_MAPPING, &file) != 0) return EXIT_FAILED;
  void *base = mmap(nullptr, static_cast<size_t>(file.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, FD_MAPPING, 0);
  if (base == MAP_FAILED) return EXIT_FAILED;
  close(FD_MAPPING);
  mapping = Mapping(static_cast<uint8_t *>(base));
  WasmEdge_LogOff();
  uint32_t layers = confine(interpreter);
  mapping.set(RESPONSE_LAYERS, layers);
  if ((required & ~layers) != 0) return EXIT_LAYERS;

  std::set_new_handler(outOfMemory);
  Instance instance(mapping, interpreter, layers);
  respond();
  int fds[2];
  while (receive(fds)) {
    mapping.set(RESPONSE_STATUS, STATUS_OK);
    mapping.set(RESPONSE_MESSAGE_BYTES, 0);
    mapping.set(RESPONSE_LOG_BYTES, 0);
    mapping.set(RESPONSE_LOG_DROPPED, 0);
    if (mapping.get(REQUEST_CALL) == CALL_LOAD)
      instance.load(fds[0], fds[1]);
    else
      instance.call(mapping.get(REQUEST_CALL));
    respond();
  }
  return 0;
}

// Prints the version of WasmEdge and the paths of all loaded libraries. They determine the native code of a module, so the host
// makes them part of the key of its compile cache.
int version() {
  std::puts(WasmEdge_VersionGet());
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *) {
        if (info->dlpi_name[0] == '/') std::puts(info->dlpi_name);
        return 0;
      },
      nullptr);
  return 0;
}

} // namespace

int main(int count, char **arguments) {
  bool isInterpreter = count == 3 && std::strcmp(arguments[1], "interpret") == 0;
  if (isInterpreter || (count == 3 && std::strcmp(arguments[1], "run") == 0))
    return run(isInterpreter, static_cast<uint32_t>(std::strtoul(arguments[2], nullptr, 10)));
  if (count >= 2 && std::strcmp(arguments[1], "compile") == 0) return compile(count - 2, arguments + 2);
  if (count == 2 && std::strcmp(arguments[1], "version") == 0) return version();
  std::fprintf(stderr, "usage: guest run LAYERS | interpret LAYERS | compile ... | version\n");
  return EXIT_FAILED;
}
