#include "tests/testing/placement_problem.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "server/replay/closed_loop.h"
#include "tests/testing/random_workload.h"

namespace kvplace {
namespace {

double ToDouble(Bytes bytes) { return static_cast<double>(bytes.count()); }

MachineProfile RandomProfile(std::mt19937_64& random) {
  const auto chance = [&](double p) {
    return std::bernoulli_distribution(p)(random);
  };
  // HBM has 1000 B/s; at a fiftieth DRAM binds nearly always, at three times
  // HBM does.
  const auto bandwidth = [&](double infinite) {
    if (chance(infinite)) return std::numeric_limits<double>::infinity();
    const double log2 = std::uniform_real_distribution<>(-5.6, 1.6)(random);
    return 1000 * std::exp2(log2);
  };
  MachineProfile profile;
  profile.name = "random";
  profile.hbm = BytesPerSecond(
      chance(0.05) ? std::numeric_limits<double>::infinity() : 1000);
  profile.link_read = BytesPerSecond(bandwidth(0.1));
  profile.link_write =
      chance(0.5) ? profile.link_read : BytesPerSecond(bandwidth(0.2));
  profile.dram = BytesPerSecond(bandwidth(0.2));
  return profile;
}

Workload RandomSmallWorkload(size_t most_alive, std::mt19937_64& random) {
  // Without a least number small ones, which are easy, would be most of all.
  const uint64_t least_alive = random() % most_alive;
  Workload workload;
  do {
    RandomWorkloadOptions options;
    options.sequences = 1 + static_cast<uint32_t>(random() % 3);
    options.groups = 1 + static_cast<uint32_t>(random() % 2);
    options.steps = 1 + static_cast<uint32_t>(random() % 14) / options.groups;
    options.pages_max = 1 + static_cast<uint32_t>(random() % 4);
    options.read_share = 0.2 + 0.1 * static_cast<double>(random() % 6);
    options.free_share = 0.05;
    workload = RandomWorkload(options, random);
  } while (workload.peak_live_blocks > most_alive ||
           workload.peak_live_blocks < least_alive ||
           workload.reads.items().empty());
  return workload;
}

}  // namespace

PlacementProblem::PlacementProblem(const Workload& workload,
                                   const DeviceConfig& device)
    : phases(workload.phases()),
      inclusive(device.mode == ResidencyMode::kInclusive),
      block_bytes(ToDouble(workload.block_bytes())),
      capacity(ToDouble(device.hbm_capacity)),
      fixed(ToDouble(device.fixed_bytes_per_phase)),
      hbm(device.profile.hbm.value()),
      link_read(device.profile.link_read.value()),
      link_write(device.profile.link_write.value()),
      dram(device.profile.dram.value() / device.devices_sharing_dram) {
  std::map<BlockId, size_t> number;
  const auto begin = [&](BlockId id, size_t phase) {
    number[id] = blocks.size();
    Block block;
    block.born = phase;
    block.last = phases;
    block.read.resize(phases);
    block.new_kv.resize(phases);
    blocks.push_back(std::move(block));
  };
  for (const BlockId id : workload.initial) begin(id, 0);
  const double token = ToDouble(workload.kv_bytes_per_token);
  for (size_t p = 0; p < phases; ++p) {
    for (const BlockId id : workload.births[p]) begin(id, p);
    for (const BlockId id : workload.reads[p]) {
      blocks[number.at(id)].read[p] = true;
    }
    for (const KvWrite& write : workload.kv_writes[p]) {
      blocks[number.at(write.block)].new_kv[p] += token * write.tokens;
    }
    for (const BlockId id : workload.freed[p]) blocks[number.at(id)].last = p;
  }
}

PlacementCase RandomPlacementCase(uint64_t seed, size_t most_alive) {
  std::mt19937_64 random(seed);
  PlacementCase made;
  made.workload = RandomSmallWorkload(most_alive, random);
  const auto mode =
      random() % 2 == 0 ? ResidencyMode::kInclusive : ResidencyMode::kExclusive;
  const bool routing = mode == ResidencyMode::kInclusive && random() % 2 == 0;
  const uint64_t capacity = random() % (made.workload.peak_live_blocks + 2);
  const int64_t blocks_fixed = static_cast<int64_t>(random() % 5) - 2;
  const Bytes fixed =
      made.workload.block_bytes() * std::max<int64_t>(blocks_fixed, 0);
  made.device = DeviceFor(made.workload, RandomProfile(random), mode, capacity,
                          fixed, routing);
  made.device.devices_sharing_dram = random() % 4 == 0 ? 2 : 1;
  if (random() % 4 == 0) {
    made.device.hbm_capacity += Bytes(made.workload.block_bytes().count() / 2);
  }
  const MachineProfile& profile = made.device.profile;
  std::ostringstream name;
  name << "seed " << seed << ", "
       << (mode == ResidencyMode::kInclusive ? "inclusive" : "exclusive")
       << (routing ? ", routing" : "") << ", capacity "
       << made.device.hbm_capacity.count() << " of "
       << made.workload.block_bytes().count() << " * "
       << made.workload.peak_live_blocks << " B, " << made.workload.phases()
       << " phases, fixed " << fixed.count() << " B, B/s: HBM "
       << profile.hbm.value() << ", link " << profile.link_read.value()
       << " and " << profile.link_write.value() << ", DRAM "
       << profile.dram.value() << " / " << made.device.devices_sharing_dram;
  made.name = name.str();
  return made;
}

}  // namespace kvplace
