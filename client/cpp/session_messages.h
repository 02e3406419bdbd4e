// The client's data as messages of the contract.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CPP_SESSION_MESSAGES_H_
#define KVPLACE_CLIENT_CPP_SESSION_MESSAGES_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "client/cpp/session_options.h"
#include "client/cpp/step_data.h"
#include "client/cpp/step_sampler.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace::client {

void EncodeHello(const SessionOptions& options, uint64_t incarnation,
                 StepIndex next_step, v1::Hello* out);

// Ranges that fit into a message of `max_message_bytes`; at least 1.
size_t InventoryChunk(uint32_t max_message_bytes);
void EncodeInventory(absl::Span<const BlockRange> ranges, bool last,
                     v1::Inventory* out);

void EncodeStep(const StepSample& sample, v1::Step* out);
// Leaves out what is only good to have: masses and near misses.
void StripStep(v1::Step* step);

void EncodeReport(const MoveReport& report, v1::MoveReport* out);

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SESSION_MESSAGES_H_
