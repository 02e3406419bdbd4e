#include "server/core/block_codec.h"

#include <algorithm>
#include <bit>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

// 33 bits of a zigzag difference need 5 bytes, as 32 bits do.
constexpr size_t kMaxVarintBytes = 5;

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

size_t VarintSize(uint32_t value) {
  return value == 0 ? 1 : (std::bit_width(value) + 6) / 7;
}

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^
         static_cast<uint64_t>(value >> 63);
}

int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Walks over LEB128 numbers. Only the shortest form is taken: one list of
// handles has one wire form, and records can be compared byte by byte.
class VarintReader {
 public:
  explicit VarintReader(absl::string_view bytes)
      : begin_(reinterpret_cast<const uint8_t*>(bytes.data())),
        at_(begin_),
        end_(begin_ + bytes.size()) {}

  bool done() const { return at_ == end_; }
  // Start of the number that was read last.
  size_t offset() const { return static_cast<size_t>(last_ - begin_); }

  // REQUIRES !done(). False leaves `problem()` set.
  bool Read(uint64_t* value) {
    last_ = at_;
    if (*at_ < 0x80) {
      *value = *at_++;
      return true;
    }
    return ReadLong(value);
  }
  const char* problem() const { return problem_; }

 private:
  bool ReadLong(uint64_t* value) {
    uint64_t sum = 0;
    for (size_t i = 0; i < kMaxVarintBytes; ++i) {
      if (at_ == end_) {
        problem_ = "the varint is cut off";
        return false;
      }
      const uint8_t byte = *at_++;
      sum |= uint64_t{byte & 0x7fu} << (7 * i);
      if (byte >= 0x80) continue;
      if (byte == 0) {
        problem_ = "the varint is longer than its value needs";
        return false;
      }
      *value = sum;
      return true;
    }
    problem_ = "the varint has more than 5 bytes";
    return false;
  }

  const uint8_t* begin_;
  const uint8_t* last_ = nullptr;
  const uint8_t* at_;
  const uint8_t* end_;
  const char* problem_ = "";
};

// `entry` counts from 0.
template <typename... Words>
absl::Status Bad(size_t byte, size_t entry, const Words&... words) {
  return absl::InvalidArgumentError(
      absl::StrCat("byte ", byte, " (entry ", entry, "): ", words...));
}

}  // namespace

void EncodeAscending(std::span<const BlockId> ids, std::string* out) {
  uint32_t previous = 0;
  for (const BlockId id : ids) {
    PutVarint(id.value() - previous, out);
    previous = id.value();
  }
}

absl::Status DecodeAscending(absl::string_view bytes, uint32_t limit,
                             std::vector<BlockId>* out) {
  // An entry takes at least one byte: room for all is made once.
  const size_t before = out->size();
  out->resize(before + bytes.size());
  BlockId* const entries = out->data() + before;
  size_t count = 0;
  uint64_t handle = 0;
  absl::Status problem;
  VarintReader reader(bytes);
  while (!reader.done()) {
    uint64_t difference;
    if (!reader.Read(&difference)) {
      problem = Bad(reader.offset(), count, reader.problem());
      break;
    }
    if (difference == 0 && count > 0) {
      problem = Bad(reader.offset(), count, "difference 0: handles must rise");
      break;
    }
    handle += difference;
    if (handle >= limit) {
      problem = Bad(reader.offset(), count, "handle ", handle, " is not below ",
                    limit);
      break;
    }
    entries[count++] = BlockId(static_cast<uint32_t>(handle));
  }
  out->resize(problem.ok() ? before + count : before);
  return problem;
}

void EncodeOrdered(std::span<const BlockId> ids, std::string* out) {
  int64_t previous = 0;
  for (const BlockId id : ids) {
    const int64_t handle = id.value();
    PutVarint(ZigZag(handle - previous), out);
    previous = handle;
  }
}

absl::Status DecodeOrdered(absl::string_view bytes, uint32_t limit,
                           std::vector<BlockId>* out) {
  const size_t before = out->size();
  out->reserve(before + bytes.size());
  int64_t handle = 0;
  absl::Status problem;
  VarintReader reader(bytes);
  while (!reader.done()) {
    const size_t entry = out->size() - before;
    uint64_t difference;
    if (!reader.Read(&difference)) {
      problem = Bad(reader.offset(), entry, reader.problem());
      break;
    }
    // At most 2^32 + 2^34: no overflow.
    handle += UnZigZag(difference);
    if (handle < 0 || handle >= int64_t{limit}) {
      problem = Bad(reader.offset(), entry, "handle ", handle,
                    " is not in 0 .. ", int64_t{limit} - 1);
      break;
    }
    out->push_back(BlockId(static_cast<uint32_t>(handle)));
  }
  if (!problem.ok()) out->resize(before);
  return problem;
}

void EncodeBitmap(std::span<const BlockId> ids, uint32_t first,
                  std::string* out) {
  if (ids.empty()) return;
  const size_t base = out->size();
  out->resize(base + (ids.back().value() - first) / 8 + 1, '\0');
  for (const BlockId id : ids) {
    const uint32_t bit = id.value() - first;
    char& byte = (*out)[base + bit / 8];
    byte = static_cast<char>(static_cast<uint8_t>(byte) | (1u << (bit % 8)));
  }
}

absl::Status DecodeBitmap(absl::string_view bits, uint32_t first,
                          uint32_t limit, std::vector<BlockId>* out) {
  const size_t before = out->size();
  for (size_t at = 0; at < bits.size(); at += 8) {
    const size_t size = std::min<size_t>(8, bits.size() - at);
    uint64_t word = 0;
    for (size_t i = 0; i < size; ++i) {
      word |= uint64_t{static_cast<uint8_t>(bits[at + i])} << (8 * i);
    }
    for (; word != 0; word &= word - 1) {
      const size_t bit = at * 8 + static_cast<size_t>(std::countr_zero(word));
      const uint64_t handle = uint64_t{first} + bit;
      if (handle >= limit) {
        const size_t entry = out->size() - before;
        out->resize(before);
        return Bad(bit / 8, entry, "handle ", handle, " is not below ", limit);
      }
      out->push_back(BlockId(static_cast<uint32_t>(handle)));
    }
  }
  return absl::OkStatus();
}

size_t AscendingSize(std::span<const BlockId> ids) {
  size_t size = 0;
  uint32_t previous = 0;
  for (const BlockId id : ids) {
    size += VarintSize(id.value() - previous);
    previous = id.value();
  }
  return size;
}

}  // namespace kvplace
