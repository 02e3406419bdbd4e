// The core's hot loops, each once round over the same input: what
// scripts/check/instructions counts the instructions of.
//
// Each loop is a function HotLoop_NAME of its own, because callgrind counts by
// function. Nothing here may depend on the machine, the clock or chance.
#include <cstdint>
#include <cstdio>
#include <string>

#include "bench/bench_node.h"
#include "bench/must.h"
#include "server/core/residency.h"

namespace kvplace {
namespace {

constexpr uint32_t kBlocks = 32768;
constexpr uint32_t kReads = 4096;
constexpr int kWarmUpSteps = 4;
constexpr int kSteps = 8;

void WarmUp(BenchNode* node) {
  for (int i = 0; i < kWarmUpSteps; ++i) {
    node->Hear();
    node->MakePlan();
    node->Background();
  }
}

void Decode(BenchNode* node) {
  for (int i = 0; i < kSteps; ++i) node->DecodeOnly();
}

}  // namespace
}  // namespace kvplace

#define KVPLACE_HOT_LOOP(name, argument) \
  extern "C" __attribute__((noinline)) void HotLoop_##name(argument)

KVPLACE_HOT_LOOP(decode_delta, kvplace::BenchNode* node) {
  kvplace::Decode(node);
}
KVPLACE_HOT_LOOP(decode_bitmap, kvplace::BenchNode* node) {
  kvplace::Decode(node);
}
KVPLACE_HOT_LOOP(decode_all, kvplace::BenchNode* node) {
  kvplace::Decode(node);
}
KVPLACE_HOT_LOOP(statistics_lru, kvplace::BenchNode* node) { node->Hear(); }
KVPLACE_HOT_LOOP(statistics_shadow_price, kvplace::BenchNode* node) {
  node->Hear();
}
KVPLACE_HOT_LOOP(plan_lru, kvplace::BenchNode* node) { node->MakePlan(); }
KVPLACE_HOT_LOOP(plan_shadow_price, kvplace::BenchNode* node) {
  node->MakePlan();
}
KVPLACE_HOT_LOOP(background_shadow_price, kvplace::BenchNode* node) {
  node->Background();
}
KVPLACE_HOT_LOOP(ledger, kvplace::Residency* ledger) {
  using kvplace::BlockId;
  constexpr kvplace::Bytes kEach{65536};
  for (uint32_t i = 0; i < kvplace::kBlocks; i += 2) {
    kvplace::Must(ledger->Evict(BlockId(i), kEach));
  }
  for (uint32_t i = 0; i < kvplace::kBlocks; i += 2) {
    kvplace::Must(ledger->Promote(BlockId(i), kEach));
  }
}

namespace kvplace {
namespace {

void DecodeLoop(BenchEncoding encoding, void (*loop)(BenchNode*)) {
  const BenchReads reads(kBlocks, kReads, encoding);
  BenchNode node("lru", &reads);
  loop(&node);
}

void Run() {
  DecodeLoop(BenchEncoding::kDelta, HotLoop_decode_delta);
  DecodeLoop(BenchEncoding::kBitmap, HotLoop_decode_bitmap);
  DecodeLoop(BenchEncoding::kAll, HotLoop_decode_all);
  const BenchReads reads(kBlocks, kReads, BenchEncoding::kDelta);
  BenchNode lru("lru", &reads);
  WarmUp(&lru);
  BenchNode ours("shadow-price", &reads);
  WarmUp(&ours);
  for (int i = 0; i < kSteps; ++i) {
    HotLoop_statistics_lru(&lru);
    HotLoop_plan_lru(&lru);
    HotLoop_statistics_shadow_price(&ours);
    HotLoop_plan_shadow_price(&ours);
    HotLoop_background_shadow_price(&ours);
  }
  Residency ledger(kBlocks, Bytes(65536) * kBlocks);
  for (uint32_t i = 0; i < kBlocks; ++i) {
    Must(ledger.Add(BlockId(i), Tier::kHbm, Bytes(65536)));
  }
  HotLoop_ledger(&ledger);
}

}  // namespace
}  // namespace kvplace

int main() { kvplace::Run(); }
