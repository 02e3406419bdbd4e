// Everything about a session that an engine can set, with its default, and what
// a session counts.
//
// Thread-safety: plain values.
#ifndef KVPLACE_CLIENT_CPP_SESSION_OPTIONS_H_
#define KVPLACE_CLIENT_CPP_SESSION_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/backoff.h"
#include "client/cpp/order.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace::client {

// What orders there are while the server sends none.
enum class LocalPolicy : uint8_t {
  // lru on the client's own picture.
  kLru,
  // Nothing moves, new blocks begin in DRAM. For engines with a policy of
  // their own: reads then cost the client nothing but their encoding.
  kHold,
};

struct SessionOptions {
  // host:port of kvplaced, or any name gRPC resolves.
  std::string target = "127.0.0.1:50551";

  // Who this is; see Hello.
  std::string node_id;
  uint32_t device_index = 0;
  std::string model, tenant, pod;
  // What the device is. Bandwidths must be finite.
  DeviceConfig device;
  // DRAM that KV may use; absent: unknown.
  std::optional<Bytes> dram_capacity;

  LocalPolicy local_policy = LocalPolicy::kLru;

  // Between attempts to connect. A session that lived for `backoff.longest`
  // starts the row anew.
  BackoffOptions backoff;
  // After an answer that the same Hello will get again (wrong protocol, no
  // permission, a bad field; another process took the device over). > 0.
  absl::Duration refused_retry = absl::Minutes(1);
  // From opening a stream to Welcome. > 0.
  absl::Duration hello_timeout = absl::Seconds(10);
  // A message that cannot leave for so long ends the stream. > 0.
  absl::Duration write_timeout = absl::Seconds(10);

  // Steps that may wait to be sent, >= 1. One more, and all of them are dropped
  // (and counted): the server gets an inventory instead.
  size_t queue_limit = 64;

  // Called from the session's thread, without locks; must not block. May be
  // empty.
  std::function<void(const OrderPtr&)> on_plan;
  // A stream ended, with the server's or gRPC's words; the client tries again
  // by itself.
  std::function<void(const absl::Status&)> on_error;
};

// INVALID_ARGUMENT, naming the field.
absl::Status Validate(const SessionOptions& options);

struct SessionStats {
  // Steps told to the client; how many ran by a server's plan and how many by
  // the local policy (as CurrentOrder was asked for them).
  uint64_t steps = 0;
  uint64_t plan_steps = 0;
  uint64_t local_steps = 0;
  // Plans from the server: all; for information only; undecodable; those whose
  // last valid step had passed before they were used.
  uint64_t plans = 0;
  uint64_t plans_advisory = 0;
  uint64_t plans_invalid = 0;
  uint64_t plans_expired = 0;
  // Sessions that were welcomed; streams that ended, welcomed or not.
  uint64_t sessions = 0;
  uint64_t disconnects = 0;
  // Resyncs asked for by the server; inventories sent.
  uint64_t resyncs = 0;
  uint64_t inventories = 0;
  uint64_t drains = 0;
  // Steps the server did not hear of one by one: because the queue was full
  // (or was thrown away for an inventory), and because there was no session.
  uint64_t dropped_steps = 0;
  uint64_t offline_steps = 0;
  // Step messages handed to the stream.
  uint64_t samples_sent = 0;
  // One Step message per so many steps.
  uint32_t sample_every = 1;

  uint64_t reconnects() const { return sessions > 0 ? sessions - 1 : 0; }
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SESSION_OPTIONS_H_
