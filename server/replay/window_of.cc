#include "server/replay/window_of.h"

namespace kvplace {

std::vector<BlockId> BlockOrder(const Workload& workload) {
  std::vector<BlockId> order = workload.initial;
  const std::span<const BlockId> births = workload.births.items();
  order.insert(order.end(), births.begin(), births.end());
  return order;
}

AccessWindow WindowOf(const Workload& workload, const DeviceConfig& device) {
  AccessWindowBuilder builder(device, workload.reads.items().size());
  std::vector<uint32_t> number(workload.id_space());
  const auto add = [&](BlockId block) {
    number[block.value()] = builder.AddBlock(workload.block_bytes());
  };
  for (const BlockId block : workload.initial) add(block);
  for (size_t p = 0; p < workload.phases(); ++p) {
    builder.BeginPhase();
    for (const BlockId block : workload.births[p]) add(block);
    for (const BlockId block : workload.reads[p]) {
      builder.Read(number[block.value()]);
    }
    for (const KvWrite& write : workload.kv_writes[p]) {
      builder.Write(number[write.block.value()],
                    workload.kv_bytes_per_token * write.tokens);
    }
    for (const BlockId block : workload.freed[p]) {
      builder.End(number[block.value()]);
    }
  }
  return builder.Build();
}

}  // namespace kvplace
