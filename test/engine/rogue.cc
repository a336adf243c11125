// Stands in for a guest process under the control of an attacker, in the jail of the real one. The seed in the load request
// selects its attack.
#include "constants.h"
#include "../../host/engine/wasmedge/filter.h"
#include "../../host/engine/wasmedge/jail.h"
#include "../../host/engine/wasmedge/limits.h"

#include <cstdlib>
#include <cstring>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *base;

static void set(uint32_t offset, uint32_t value) { std::memcpy(base + offset, &value, 4); }

static uint32_t get(uint32_t offset) {
  uint32_t value;
  std::memcpy(&value, base + offset, 4);
  return value;
}

static void respond() {
  set(RESPONSE_SEQUENCE, get(REQUEST_SEQUENCE));
  send(FD_SOCKET, "", 1, MSG_NOSIGNAL);
}

int main() {
  struct stat file {};
  fstat(FD_MAPPING, &file);
  base = static_cast<uint8_t *>(mmap(nullptr, file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, FD_MAPPING, 0));
  exitOnAbort();
  enterJail({FD_PARENT + 1, 1 << 20, false, false});
  respond();
  uint8_t byte;
  if (recv(FD_SOCKET, &byte, 1, 0) != 1) return 1;
  uint32_t attack = get(REQUEST_ARGUMENTS);
  if (attack == 9 || attack == 10) filterSystemCalls({Phase::run, false});
  switch (attack) {
  case 1:
    set(RESPONSE_COMMAND_BYTES, 0xfffffffc);
    break;
  case 2:
    set(RESPONSE_DATA_BYTES, 0xffffffff);
    break;
  case 3:
    set(RESPONSE_STATUS, 99);
    break;
  case 4:
    std::memset(base, 0xff, COMMANDS);
    break;
  case 5:
    for (int i = 0; i < 100000; i++) send(FD_SOCKET, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    pause();
    break;
  case 6:
    respond();
    usleep(50000);
    break;
  case 7: // Tries to shrink the memory that it shares with the host. The size is sealed, so this fails.
    if (ftruncate(FD_MAPPING, 0) == 0) std::abort();
    break;
  case 8:
    set(RESPONSE_LOG_BYTES, 0xffffffff);
    for (uint32_t at = LOG; at < LOG + LOG_BYTES_MAX; at += 4) set(at, at % 8 == 0 ? 2 : 0x7fffffff);
    break;
  case 9:
    socket(AF_INET, SOCK_STREAM, 0);
    break;
  case 10:
    std::abort();
  case 11:
    return 0;
  case 12:
    close(FD_SOCKET);
    pause();
    break;
  case 13: // Completes its response in shared memory without sending the byte on the socket that signals it.
    set(RESPONSE_SEQUENCE, get(REQUEST_SEQUENCE));
    pause();
    break;
  case 14:
    set(RESPONSE_VALUE, 256);
    set(RESPONSE_STATUS, STATUS_EXIT);
    break;
  }
  respond();
  pause();
}
