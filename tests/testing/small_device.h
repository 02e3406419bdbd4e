// Hand-made devices and block ids for tests of core and replay.
#ifndef KVPLACE_TESTS_TESTING_SMALL_DEVICE_H_
#define KVPLACE_TESTS_TESTING_SMALL_DEVICE_H_

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <vector>

#include "server/core/ids.h"
#include "server/core/plan.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

// So that failures print numbers.
template <typename Tag, typename Rep>
void PrintTo(StrongId<Tag, Rep> id, std::ostream* out) {
  *out << +id.value();
}
inline void PrintTo(Bytes bytes, std::ostream* out) {
  *out << bytes.count() << " B";
}

inline std::vector<BlockId> Ids(std::initializer_list<uint32_t> values) {
  std::vector<BlockId> ids;
  for (const uint32_t value : values) ids.emplace_back(value);
  return ids;
}

// Handles first, first + 1, .. first + count - 1.
inline std::vector<BlockId> IdRange(uint32_t first, uint32_t count) {
  std::vector<BlockId> ids;
  for (uint32_t i = 0; i < count; ++i) ids.emplace_back(first + i);
  return ids;
}

inline constexpr Bytes kSmallBlock{64};
inline constexpr Bytes kSmallToken{16};

// Blocks of 64 bytes, 4 tokens each, `handles` of them in each group. HBM of
// 1000 B/s, a link of 100 both ways, DRAM of 150: alpha* = 1000 / 1100.
inline DeviceConfig SmallDevice(uint32_t groups, uint32_t handles,
                                int64_t capacity_blocks) {
  DeviceConfig device;
  device.profile = {"small", BytesPerSecond(1000), BytesPerSecond(100),
                    BytesPerSecond(100), BytesPerSecond(150)};
  device.hbm_capacity = kSmallBlock * capacity_blocks;
  device.groups.assign(groups,
                       GroupConfig{kSmallBlock, handles, 4, kSmallToken});
  return device;
}

// An order for `groups` groups that does nothing.
inline StandingOrder EmptyOrder(size_t groups) {
  StandingOrder order;
  order.Reset(groups);
  return order;
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_SMALL_DEVICE_H_
