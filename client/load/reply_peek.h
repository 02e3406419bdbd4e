// Looks at the beginning of a ConnectResponse without parsing the rest: a plan
// of a large device is long, and a load generator has no use for it.
//
// Thread-safety: pure.
#ifndef KVPLACE_CLIENT_LOAD_REPLY_PEEK_H_
#define KVPLACE_CLIENT_LOAD_REPLY_PEEK_H_

#include <cstdint>
#include <optional>
#include <span>

#include "grpcpp/support/byte_buffer.h"

namespace kvplace::load {

// Step that a plan is based on; nothing if this is no plan, or none that begins
// as protobuf writes it (fields in rising order).
std::optional<int64_t> PeekPlanBasis(std::span<const uint8_t> beginning);

// As many bytes as a plan's basis can lie behind.
inline constexpr size_t kPeekBytes = 64;
// The first bytes of the buffer, into `room`.
std::span<const uint8_t> Beginning(const grpc::ByteBuffer& buffer,
                                   std::span<uint8_t, kPeekBytes> room);

}  // namespace kvplace::load

#endif  // KVPLACE_CLIENT_LOAD_REPLY_PEEK_H_
