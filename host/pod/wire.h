// Messages between a host process (receiver.cc) and the image opener (opener.cc), over SOCK_SEQPACKET sockets that keep them
// apart. A request holds strings, each with a zero byte at its end: `overlay` or `folder`, the entrypoint, ASSET_FILES_MAX,
// ASSET_BYTES_MAX, ASSET_DEPTH_MAX, the options of the mount, the number of volumes, for each of them its path in the container and its
// source, then the layers. It comes with the socket for the reply, which is
// either a failure, or the module, the list of assets in any number of messages, its end, and the files in the same order.
// The reply to the request `ready` is a failure without a code.
// The request `seal`, followed by the id of the pod and by paths, says where the layers of all later requests are: a layer matches a path
// of which each part `*` stands for any name. Volumes are below the folder that the kubelet has for the pod (volume.h). Only the first such request counts. The reply is a failure without a code.
#pragma once

#include "messages.h"

#include <cstddef>

constexpr size_t REQUEST_FIELDS = 7; // Strings of a request before its volumes and layers.
constexpr size_t REQUEST_BYTES_MAX = 128 * 1024;
constexpr size_t LIST_BYTES_MAX = 32 * 1024;
constexpr size_t FILES_PER_MESSAGE = MESSAGE_FDS_MAX;
constexpr int PATIENCE_S = 30; // How long either side waits for the other to read or to send.

// The first byte of each message of a reply.
constexpr char MESSAGE_FAILURE = 'E'; // A code, a zero byte and a message.
constexpr char MESSAGE_MODULE = 'M';  // With the module's descriptor.
constexpr char MESSAGE_LIST = 'L';    // For each asset, its size as a 64-bit number, its name and a zero byte.
constexpr char MESSAGE_LISTED = 'D';  // The list is complete.
constexpr char MESSAGE_FILES = 'F';   // With the descriptors of the next assets in the list.
