// Modelled time of a phase: the arithmetic of docs/cost_model.md, after Fang et
// al., arXiv 2508.13231, with the link's and DRAM's limits told apart.
//
//   T_H = (fixed + HBM reads + promotions + prefetches + new KV [+ demotions])
//   / B_H T_D = max(r / B_r, w / B_w, (r + w) / B_int),  r = DRAM reads +
//   prefetches T   = max(T_H, T_D)
//
// inclusive: w = new KV (written through), demotion is free.
// exclusive: new KV goes to the tier of its block; a demotion is an HBM read
// and a DRAM write.
//
// Thread-safety: const after construction.
#ifndef KVPLACE_SERVER_CORE_COST_MODEL_H_
#define KVPLACE_SERVER_CORE_COST_MODEL_H_

#include <cstdint>

#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

// Bytes that one phase moves, by cause. Attention reads: hbm_reads +
// dram_reads.
struct PhaseTraffic {
  Bytes hbm_reads;
  Bytes dram_reads;
  // Promoted while being read from DRAM: an HBM write.
  Bytes promoted;
  // Copied in without being read: a DRAM read and an HBM write.
  Bytes prefetched;
  // Evicted, in either mode; only exclusive mode pays for it.
  Bytes demoted;
  // KV of new tokens by the tier of its block. Inclusive mode writes both
  // tiers, whichever it is.
  Bytes new_kv_hbm;
  Bytes new_kv_dram;

  Bytes new_kv() const { return new_kv_hbm + new_kv_dram; }
  Bytes reads() const { return hbm_reads + dram_reads; }
  PhaseTraffic& operator+=(const PhaseTraffic& o);
};

// Where the time of phases goes (docs/cli.md, "The plot"). The three add up to
// Time, but for rounding; none is negative.
struct TimeBreakdown {
  // What the phase would take without its promotions, prefetches and demotions,
  // under the limit that would bind then: HBM's bandwidth (equal times count
  // here), or the link's or DRAM's own, either direction.
  Seconds hbm;
  Seconds dram;
  // What these moves add to it.
  Seconds migration;

  TimeBreakdown& operator+=(const TimeBreakdown& o);
};

class CostModel {
 public:
  // REQUIRES: Validate(device) is OK.
  explicit CostModel(const DeviceConfig& device);

  // T(p).
  Seconds Time(const PhaseTraffic& traffic) const;

  // T_H and T_D of it.
  struct TierSeconds {
    Seconds hbm;
    Seconds dram;
  };
  TierSeconds TierTimes(const PhaseTraffic& traffic) const;

  // Of one phase. Read routing stays as `traffic` has it: what was routed was
  // read from DRAM.
  TimeBreakdown Breakdown(const PhaseTraffic& traffic) const;

  // Bytes that HBM can take on beside `traffic` before T_H reaches T_D:
  // B_H * (T_D - T_H), rounded down to whole bytes; 0 where HBM binds.
  Bytes HbmSlack(const PhaseTraffic& traffic) const;

  // Read routing (inclusive mode): of `hits` resident blocks of `block_bytes`
  // each that `traffic` counts in hbm_reads, how many to read from DRAM instead
  // so that Time is least; the fewest of equals. The closed form of
  // docs/cost_model.md, rounded to the better whole number.
  int64_t BestRoutedBlocks(const PhaseTraffic& traffic, Bytes block_bytes,
                           int64_t hits) const;

  // T_roof: the least T over every split of `reads` into hits <= capacity and
  // misses, real-valued, with no moves. New KV as in Time; in exclusive mode
  // also split the best way within the capacity.
  Seconds Roofline(Bytes reads, Bytes capacity, Bytes new_kv) const;

  ResidencyMode mode() const { return mode_; }
  // B_H + B_D.
  BytesPerSecond peak() const { return peak_; }

 private:
  // Bytes of HBM, and those read from and written to DRAM, of a phase.
  struct Load {
    double hbm, r, w;
  };
  Load LoadOf(const PhaseTraffic& traffic) const;
  double HbmTimeOf(const Load& load) const { return load.hbm / hbm_; }
  double DramTimeOf(const Load& load) const;
  double TimeOf(double hbm, double r, double w) const;

  ResidencyMode mode_;
  double fixed_;
  double hbm_, link_read_, link_write_, dram_;
  BytesPerSecond peak_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_COST_MODEL_H_
