// A process whose main thread ends while another thread continues. The other thread prints a line once that has happened.
#include <cstdio>
#include <pthread.h>
#include <string>
#include <unistd.h>

static bool isMainDead() {
  char text[512] = {};
  FILE *file = std::fopen(("/proc/self/task/" + std::to_string(getpid()) + "/stat").c_str(), "r");
  if (file == nullptr || std::fread(text, 1, sizeof text - 1, file) == 0) return false;
  std::fclose(file);
  return std::string(text).find(") Z ") != std::string::npos;
}

static void *outliveMain(void *) {
  while (!isMainDead()) usleep(1000);
  std::puts("headless");
  std::fflush(stdout);
  pause();
  return nullptr;
}

int main() {
  pthread_t thread;
  pthread_create(&thread, nullptr, outliveMain, nullptr);
  pthread_exit(nullptr);
}
