#include "server/core/bound/inclusive_paths.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace kvplace {
namespace {

class InclusivePaths {
 public:
  InclusivePaths(const AccessWindow& window, const PathCosts& costs,
                 PathTotals* totals)
      : window_(window), costs_(costs), totals_(*totals) {}

  void Add(uint32_t block) {
    uses_ = window_.uses(block);
    born_ = window_.block(block).born;
    bytes_ = static_cast<double>(window_.block_bytes(block).count());
    if (totals_.choices.size() < uses_.size()) {
      totals_.choices.resize(uses_.size());
    }
    Trace(Find());
  }

 private:
  bool Find();
  void Trace(bool resident);

  const AccessWindow& window_;
  const PathCosts& costs_;
  PathTotals& totals_;
  // Of the block in hand.
  std::span<const BlockUse> uses_;
  uint32_t born_ = 0;
  double bytes_ = 0;
};

// Two costs run along the uses: the cheapest way to be in HBM at this use, and
// not to be. Demotion is free, so out of HBM one comes from either. `in` leaves
// out the rents of all phases up to here: staying costs nothing then, and the
// loop has no more than a few additions and choices without branches. (Which
// they are only as long as gcc sees no `if` in them.)
//
// Adds what the path costs, and returns whether it ends in HBM.
bool InclusivePaths::Find() {
  std::vector<uint8_t>& choices = totals_.choices;
  uint32_t p = uses_[0].phase();
  const PathCosts::Phase* c = &costs_.phase(p);
  double in = -costs_.RentBefore(born_);
  choices[0] = kStayed;
  if (c->least_fetch < in && p > born_) {
    const double fetched = costs_.LeastFetch(born_, p);
    if (fetched < in) {
      in = fetched;
      choices[0] = kFetched;
    }
  }
  in += c->hit;
  double out = c->miss;
  for (size_t j = 1; j < uses_.size(); ++j) {
    const uint32_t q = uses_[j].phase();
    const PathCosts::Phase& d = costs_.phase(q);
    const double leave = in + c->rent_sum;
    const double promoted = out + c->promote_less_rent;
    const double least = std::min(leave, out);
    double fetched = least + d.least_fetch;
    double arrive = std::min(in, promoted);
    // Where the least fetch before q is not in the gap it still rules most of
    // them out.
    if ((d.least_fetch_at <= p) & (fetched < arrive)) [[unlikely]] {
      fetched = q > p + 1 ? least + costs_.LeastFetch(p + 1, q) : arrive;
    }
    const bool fetch = fetched < arrive;
    const bool promote = (promoted < in) & !fetch;
    const auto choice = static_cast<uint8_t>((promote ? kPromoted : 0) |
                                             (fetch ? kFetched : 0) |
                                             (leave <= out ? kLeft : 0));
    arrive = std::min(arrive, fetched);
    choices[j] = choice;
    in = arrive + d.hit;
    out = least + d.miss;
    p = q;
    c = &d;
  }
  in += c->rent_sum;
  totals_.cost += bytes_ * std::min(in, out);
  return in <= out;
}

// Back along the choices.
void InclusivePaths::Trace(bool resident) {
  uint32_t until = uses_.back().phase();
  for (size_t j = uses_.size(); j-- > 0;) {
    const uint8_t choice = totals_.choices[j];
    const uint32_t previous = j > 0 ? uses_[j - 1].phase() : 0;
    if (!resident) {
      resident = (choice & kLeft) != 0;
      until = previous;
      continue;
    }
    const uint32_t at = uses_[j].phase();
    totals_.demand[at].usage.hits += bytes_;
    switch (choice & kArrivalBits) {
      case kStayed:
        if (j == 0) totals_.Occupy(born_, until, bytes_);
        break;
      case kPromoted:
        totals_.Promote(previous, until, bytes_);
        resident = false;
        break;
      default:
        totals_.Fetch(costs_.FetchAt(j > 0 ? previous + 1 : born_, at), until,
                      bytes_);
        resident = (choice & kLeft) != 0;
        until = previous;
        break;
    }
  }
}

}  // namespace

void AddInclusivePaths(const AccessWindow& window, const PathCosts& costs,
                       uint32_t first, uint32_t end, PathTotals* totals) {
  InclusivePaths paths(window, costs, totals);
  for (uint32_t i = first; i < end; ++i) paths.Add(i);
}

}  // namespace kvplace
