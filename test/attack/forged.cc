// A library in the place of a module's native code. Loading it runs this constructor, which shows what it could reach.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((constructor)) static void attack() {
  int file = open(MARKER, O_CREAT | O_WRONLY | O_APPEND, 0644);
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (file < 0) return;
  const char *text = socket >= 0 ? "ran, with a socket\n" : "ran\n";
  (void)!write(file, text, socket >= 0 ? 19 : 4);
  close(file);
}
