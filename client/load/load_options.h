// What load to make.
//
// Thread-safety: plain values.
#ifndef KVPLACE_CLIENT_LOAD_LOAD_OPTIONS_H_
#define KVPLACE_CLIENT_LOAD_LOAD_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/channel.h"

namespace kvplace::load {

// How the reads of a step are written; see GroupReads in session.proto.
enum class ReadEncoding : uint8_t {
  kDelta,     // handles, delta-varint
  kBitmap,    // a bitmap of the group's handles
  kAll,       // whole sequences
  kSmallest,  // what the client library would choose
};

// A time of even load.
struct LoadPhase {
  // Steps per second of each device, sent at their times whatever the answers
  // do (open loop). 0: as fast as answers come (closed loop).
  double steps_per_second = 0;
  absl::Duration length;
};

struct LoadOptions {
  std::string target = "127.0.0.1:50551";
  client::ChannelOptions channel;

  // Connections, 1..4096, and sessions on each, 1..64.
  uint32_t workers = 1;
  uint32_t devices_per_worker = 1;
  // Sessions that only keep themselves alive, on connections of their own.
  uint32_t idle_workers = 0;
  std::string node_prefix = "bench";

  // Blocks of one device, all live, in so many layer groups: 1..4096 groups, at
  // least 16 blocks each, at most 2^24 in all.
  uint32_t blocks = 32768;
  uint32_t groups = 32;
  // Share of the blocks that HBM holds, 0..1.
  double hbm_share = 0.25;
  // Blocks that a step reads, 1..blocks.
  uint32_t message_ids = 1000;
  ReadEncoding encoding = ReadEncoding::kDelta;
  // One byte of attention mass per block read.
  bool masses = false;
  uint64_t seed = 1;

  // Steps of one device under way at a time in a closed loop, 1..64.
  uint32_t in_flight = 1;
  // Load like the first phase's, which is not looked at. >= 0.
  absl::Duration warm_up = absl::Seconds(1);
  // In order; at least one.
  std::vector<LoadPhase> phases;
  // How long to wait for what is still under way at the end.
  absl::Duration patience = absl::Seconds(5);
  // How long to stay connected after that, for whoever reads the server's
  // metrics. >= 0.
  absl::Duration linger;
  // How long sessions may take to be ready, inventories included.
  absl::Duration start_timeout = absl::Seconds(60);
  // Answers that take longer are slow: see PhaseResult::slow_until.
  absl::Duration slow = absl::Milliseconds(5);
};

// INVALID_ARGUMENT, naming the field and what was expected.
absl::Status Validate(const LoadOptions& options);

}  // namespace kvplace::load

#endif  // KVPLACE_CLIENT_LOAD_LOAD_OPTIONS_H_
