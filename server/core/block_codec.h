// Wire forms of lists of block handles; see proto/kvplace/v1/session.proto.
//
// Decoders take untrusted bytes: they never read past the end, never produce a
// handle >= `limit`, and say what was wrong at which byte. Thread-safety: pure.
#ifndef KVPLACE_SERVER_CORE_BLOCK_CODEC_H_
#define KVPLACE_SERVER_CORE_BLOCK_CODEC_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/core/ids.h"

namespace kvplace {

// Strictly ascending handles: first as LEB128, then the differences (>= 1).
// EncodeAscending REQUIRES ascending input. Both append to *out.
void EncodeAscending(std::span<const BlockId> ids, std::string* out);
absl::Status DecodeAscending(absl::string_view bytes, uint32_t limit,
                             std::vector<BlockId>* out);

// Handles in any order: zigzag LEB128 of the difference to the one before.
// Repeats are not looked for here. Both append to *out.
void EncodeOrdered(std::span<const BlockId> ids, std::string* out);
absl::Status DecodeOrdered(absl::string_view bytes, uint32_t limit,
                           std::vector<BlockId>* out);

// Bitmap, least significant bit first; bit 0 stands for `first`.
// EncodeBitmap REQUIRES ascending input, ids.front() >= first.
void EncodeBitmap(std::span<const BlockId> ids, uint32_t first,
                  std::string* out);
absl::Status DecodeBitmap(absl::string_view bits, uint32_t first,
                          uint32_t limit, std::vector<BlockId>* out);

// Bytes that EncodeAscending would append.
size_t AscendingSize(std::span<const BlockId> ids);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BLOCK_CODEC_H_
