// The guest program. It runs one game's module in a process of its own, and calls the module's exports at the host's request.
//   guest run              expects the shared memory at FD_MAPPING and the host's socket at FD_SOCKET
//   guest compile IN OUT LEVEL DATA_BYTES CPU_SECONDS
//   guest version          prints the version of WasmEdge, then the path of every loaded library
#include "compile.h"
#include "confine.h"
#include "constants.h"
#include "instance.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <link.h>
#include <new>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasmedge/wasmedge.h>

namespace {

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

int run() {
  confineProcess(FD_SOCKET + 1);
  struct stat file {};
  if (fstat(FD_MAPPING, &file) != 0) return EXIT_FAILED;
  void *base = mmap(nullptr, static_cast<size_t>(file.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, FD_MAPPING, 0);
  if (base == MAP_FAILED) return EXIT_FAILED;
  close(FD_MAPPING);
  mapping = Mapping(static_cast<uint8_t *>(base));
  std::set_new_handler(outOfMemory);
  WasmEdge_LogOff();

  Instance instance(mapping);
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
  if (count == 2 && std::strcmp(arguments[1], "run") == 0) return run();
  if (count >= 2 && std::strcmp(arguments[1], "compile") == 0) return compile(count - 2, arguments + 2);
  if (count == 2 && std::strcmp(arguments[1], "version") == 0) return version();
  std::fprintf(stderr, "usage: guest run | compile ... | version\n");
  return EXIT_FAILED;
}
