#include "client/load/load_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace::load {
namespace {

template <typename Number>
absl::Status CheckRange(absl::string_view field, Number value, Number least,
                        Number most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, ", expected ", least, "..", most));
}

}  // namespace

absl::Status Validate(const LoadOptions& o) {
  constexpr uint32_t kMostBlocks = 1u << 24;
  for (const absl::Status& s :
       {CheckRange<uint32_t>("workers", o.workers, 1, 4096),
        CheckRange<uint32_t>("devices-per-worker", o.devices_per_worker, 1, 64),
        CheckRange<uint32_t>("idle-workers", o.idle_workers, 0, 65536),
        CheckRange<uint32_t>("groups", o.groups, 1, 4096),
        CheckRange<uint32_t>("blocks", o.blocks, o.groups * 16, kMostBlocks),
        CheckRange<uint32_t>("message-ids", o.message_ids, 1, o.blocks),
        CheckRange<uint32_t>("in-flight", o.in_flight, 1, 64),
        CheckRange<double>("hbm-share", o.hbm_share, 0, 1)}) {
    if (!s.ok()) return s;
  }
  if (o.phases.empty()) {
    return absl::InvalidArgumentError("rate is missing, expected one or more");
  }
  for (const LoadPhase& phase : o.phases) {
    for (const absl::Status& s :
         {CheckRange<double>("rate", phase.steps_per_second, 0, 1e6),
          CheckRange<double>("seconds", absl::ToDoubleSeconds(phase.length),
                             0.001, 86400)}) {
      if (!s.ok()) return s;
    }
  }
  if (auto s = CheckRange<double>("linger", absl::ToDoubleSeconds(o.linger), 0,
                                  3600);
      !s.ok()) {
    return s;
  }
  return CheckRange<double>("warm-up", absl::ToDoubleSeconds(o.warm_up), 0,
                            3600);
}

}  // namespace kvplace::load
