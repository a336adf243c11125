// Events about containers, which the supervisor sends to containerd on behalf of its host (events.cc).
#pragma once
#include <functional>
#include <string>
#include <vector>

// Who may be named in an event.
struct EventRights {
  std::string socket;    // containerd's ttrpc socket.
  std::string space;     // The namespace in containerd that the containers are in.
  std::function<bool(const std::string &)> isOwn;   // Whether a container belongs to the host's pod.
  std::function<bool(const std::string &)> isOther; // Whether this is the id of a container of another pod.
};

// Checks the words TYPE SECONDS NANOS VALUE: a type of events such as TaskExit, the time as a google.protobuf.Timestamp, and the
// event as containerd.proto defines it, in hexadecimal. Stores a request to containerd in `frame`. Returns 0 or errno: EACCES if
// the event concerns a container of another pod, EINVAL if it cannot be understood.
int encodeEvent(const std::vector<std::string> &words, const EventRights &rights, std::string &frame);

// Sends a request to containerd and waits for the response. Returns 0 or errno.
int sendEvent(const std::string &socket, const std::string &frame);
