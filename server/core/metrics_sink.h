// Where the service reports what happened. server/metrics turns it into
// Prometheus families; tests record it; the service knows only this interface.
//
// Thread-safety: MetricsSink may be called from any thread. A DeviceMetrics is
// called by one thread at a time, the one that has its node.
#ifndef KVPLACE_SERVER_CORE_METRICS_SINK_H_
#define KVPLACE_SERVER_CORE_METRICS_SINK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/core/bound/rolling_bound.h"
#include "server/core/device_model.h"
#include "server/core/plan.h"
#include "server/core/units.h"
#include "server/core/value/group_prices.h"
#include "server/core/value/shadow_directories.h"

namespace kvplace {

// Why a message (or stream) was refused.
enum class RejectReason : uint8_t {
  kProtocolVersion,   // Hello speaks another version
  kMalformed,         // a field that cannot be decoded or is out of range
  kOutOfOrder,        // a message that may not come now (Hello twice, ...)
  kStaleIncarnation,  // a live session holds the device
  kSuperseded,        // a newer incarnation took the device over
  kTooLarge,          // message over the limit
  kLimit,             // too many sessions or blocks
  kDraining,          // server or node takes no sessions
  kUnauthorized,      // no or wrong credentials
  kHeartbeatLapsed,   // silent for too long
  kTooManyResyncs,    // resynchronized again and again without a good step
};
inline constexpr int kRejectReasons = 11;
absl::string_view Name(RejectReason reason);

// Why something was not processed although nothing was wrong with the stream.
enum class DropReason : uint8_t {
  kAwaitingInventory,  // step or report between Resync and the new inventory
  kOverload,           // node is behind; the worker was throttled
  kNotLearned,         // process is behind: a step without its statistics
  kPlanReplaced,       // plan not sent because a newer one was ready
  kRecorderQueue,      // recorder is behind
  kRecorderDisk,       // recorder cannot write
};
inline constexpr int kDropReasons = 6;
absl::string_view Name(DropReason reason);

// Why the picture of a device was thrown away.
enum class ResyncCause : uint8_t {
  kSequenceGap,
  kUnknownHandle,
  kLiveHandle,
  kLedgerMismatch,
};
inline constexpr int kResyncCauses = 4;
absl::string_view Name(ResyncCause cause);

// What became of a planned move.
enum class MoveOutcome : uint8_t { kDone, kFailed, kExpired };
inline constexpr int kMoveOutcomes = 3;
absl::string_view Name(MoveOutcome outcome);

// Whose order left blocks that were read in DRAM where they were.
enum class OrderSource : uint8_t {
  kPlan,   // a plan of the server's
  kLocal,  // the worker's own policy, or nobody's
};
inline constexpr int kOrderSources = 2;
absl::string_view Name(OrderSource source);

// What one layer group did in a step, in blocks.
struct GroupAccount {
  uint64_t reads = 0;
  // Of these, the ones that were not in HBM.
  uint64_t misses = 0;
};

// What the metrics want to know of a device that connects.
struct DeviceFacts {
  // B_H + B_D, for utilization.
  BytesPerSecond peak;
  // Layer groups, >= 1.
  uint32_t groups = 1;
};

struct StepMeasurement {
  Seconds seconds;
  // 0 when the worker does not measure bytes.
  Bytes hbm_reads, dram_reads;
};

// Of one device with a live session; its destruction removes the gauges.
class DeviceMetrics {
 public:
  virtual ~DeviceMetrics() = default;

  // A step was applied; it stood for `decode_steps` of them.
  virtual void OnStep(const StepAccount& step, uint64_t decode_steps,
                      const std::optional<StepMeasurement>& measured) = 0;
  // The same step by layer group, all of them.
  virtual void OnGroups(absl::Span<const GroupAccount> groups) = 0;
  // Blocks read in DRAM in a step and neither promoted nor tried to be.
  virtual void OnLeftInDram(OrderSource order, uint64_t blocks) = 0;
  // The policy in force and its mode, at the start and when they change.
  virtual void OnPolicy(absl::string_view policy, absl::string_view mode) = 0;
  // A policy that prices HBM, after each step: whom it follows, and the price
  // of every group.
  virtual void OnPrices(Leader leader, const GroupPrices& prices) = 0;
  // Moves of one step by outcome; `reason` as planned.
  virtual void OnMoves(MoveReason reason, MoveOutcome outcome,
                       uint64_t blocks) = 0;
  // A plan was made in `decide`; `latency` runs from the arrival of the step to
  // the hand-over to the stream.
  virtual void OnPlan(Seconds decide, Seconds latency) = 0;
  virtual void OnLedger(Bytes capacity, Bytes resident, Bytes reserved,
                        Bytes in_flight) = 0;
  // Observe mode: the same step had the plans been executed.
  virtual void OnObserved(const StepAccount& with_plans) = 0;
  // `cpu` was spent on a bound of the last steps; nothing: it has none.
  virtual void OnHindsight(const std::optional<RollingBound>& bound,
                           Seconds cpu) = 0;
  // Time since the steps of the last bound. Told again and again once there is
  // one.
  virtual void OnHindsightAge(Seconds age) = 0;
  virtual void OnResync(ResyncCause cause) = 0;
  virtual void OnDropped(DropReason reason, uint64_t messages) = 0;
};

class MetricsSink {
 public:
  virtual ~MetricsSink() = default;

  virtual std::unique_ptr<DeviceMetrics> AddDevice(
      absl::string_view node, uint32_t device, const DeviceFacts& facts) = 0;
  virtual void SetSessions(uint64_t live) = 0;
  virtual void OnRejected(RejectReason reason) = 0;
  virtual void OnDropped(DropReason reason, uint64_t records) = 0;
  virtual void OnRecorded(uint64_t records, uint64_t bytes) = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_METRICS_SINK_H_
