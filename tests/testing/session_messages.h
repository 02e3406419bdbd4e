// Messages of a small worker, for tests of the service.
//
// The worker is device 0 of "node-a": SmallDevice(2, 8, 6), that is 2 groups
// with 8 handles each (16 handles in all), HBM for 6 blocks. Its inventory is
// sequence 1 with pages 0..3 in each group: handles 0..3 and 8..11, of which
// 0, 1, 8 and 9 are in HBM.
#ifndef KVPLACE_TESTS_TESTING_SESSION_MESSAGES_H_
#define KVPLACE_TESTS_TESTING_SESSION_MESSAGES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "kvplace/v1/session.pb.h"
#include "server/convert/blocks.h"
#include "server/convert/hello.h"
#include "server/core/block_codec.h"
#include "tests/testing/small_device.h"

namespace kvplace {

inline WorkerHello SmallWorker(uint64_t incarnation = 1) {
  WorkerHello hello;
  hello.node_id = "node-a";
  hello.incarnation = incarnation;
  hello.model = "model-a";
  hello.device = SmallDevice(2, 8, 6);
  hello.dram_capacity = Bytes(1 << 20);
  return hello;
}

inline v1::ConnectRequest HelloMessage(const WorkerHello& hello) {
  v1::ConnectRequest message;
  message.set_sequence_number(1);
  HelloToProto(hello, message.mutable_hello());
  return message;
}

inline void AddRange(uint64_t sequence, uint32_t group, uint32_t page,
                     uint32_t first, uint32_t count, Tier tier,
                     google::protobuf::RepeatedPtrField<v1::BlockRange>* out) {
  BlockRangeToProto(
      {SequenceId(sequence), GroupId(group), page, BlockId(first), count, tier},
      out->Add());
}

inline v1::Inventory SmallInventory() {
  v1::Inventory inventory;
  for (uint32_t g = 0; g < 2; ++g) {
    AddRange(1, g, 0, g * 8, 2, Tier::kHbm, inventory.mutable_blocks());
    AddRange(1, g, 2, g * 8 + 2, 2, Tier::kDram, inventory.mutable_blocks());
  }
  inventory.set_last(true);
  return inventory;
}

inline std::string Ascending(std::initializer_list<uint32_t> handles) {
  std::string bytes;
  EncodeAscending(Ids(handles), &bytes);
  return bytes;
}

inline std::string Ordered(std::initializer_list<uint32_t> handles) {
  std::string bytes;
  EncodeOrdered(Ids(handles), &bytes);
  return bytes;
}

// A step that reads these handles in group 0.
inline v1::Step StepReading(int64_t step,
                            std::initializer_list<uint32_t> handles) {
  v1::Step out;
  out.set_step(step);
  v1::GroupReads* reads = out.add_reads();
  reads->set_group(0);
  reads->set_handles(Ascending(handles));
  return out;
}

// A report of one phase, of group 0.
inline v1::MoveReport Report(int64_t step, uint64_t plan,
                             std::initializer_list<uint32_t> promoted,
                             std::initializer_list<uint32_t> evicted) {
  v1::MoveReport report;
  report.set_step(step);
  report.set_plan_id(plan);
  v1::PhaseMoves* moves = report.add_phases();
  moves->set_group(0);
  moves->set_promoted(Ordered(promoted));
  moves->set_evicted(Ordered(evicted));
  return report;
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_SESSION_MESSAGES_H_
