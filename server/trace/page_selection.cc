#include "server/trace/page_selection.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace kvplace {
namespace {

// How many pages have each mass.
using Histogram = std::array<uint32_t, 256>;

Histogram Count(std::span<const uint8_t> masses) {
  // Four tables: neighbours are often equal, and an increment would then wait
  // for the one before.
  std::array<Histogram, 4> parts = {};
  size_t i = 0;
  for (; i + 4 <= masses.size(); i += 4) {
    for (size_t j = 0; j < 4; ++j) ++parts[j][masses[i + j]];
  }
  for (; i < masses.size(); ++i) ++parts[0][masses[i]];
  for (size_t v = 0; v < 256; ++v) {
    parts[0][v] += parts[1][v] + parts[2][v] + parts[3][v];
  }
  return parts[0];
}

// The best n pages are those above `mass` and the first `ties` of those at it.
struct Cut {
  int mass;
  uint32_t ties;
};

Cut FindCut(const Histogram& histogram, uint32_t n) {
  if (n == 0) return {256, 0};
  uint32_t above = 0;
  for (int v = 255; v > 0; --v) {
    const uint32_t here = histogram[static_cast<size_t>(v)];
    if (above + here >= n) return {v, n - above};
    above += here;
  }
  return {0, n - above};
}

}  // namespace

void SelectPages(std::span<const uint8_t> masses, uint32_t top,
                 uint32_t near_misses, PageSelection* selection) {
  const uint32_t pages = static_cast<uint32_t>(masses.size());
  std::vector<uint32_t>& reads = selection->reads;
  std::vector<uint32_t>& near = selection->near_misses;
  near.clear();
  if (pages <= top) {
    reads.resize(pages);
    std::iota(reads.begin(), reads.end(), 0);
    return;
  }
  // More than 3 pages: page 0 and the two newest are three different ones.
  const std::span<const uint8_t> others = masses.subspan(1, pages - 3);
  const uint32_t count = pages - 3;
  const uint32_t chosen = top - 3;
  const uint32_t ranked = chosen + std::min(near_misses, count - chosen);
  const Histogram histogram = Count(others);
  const Cut read_cut = FindCut(histogram, chosen);
  const Cut near_cut = FindCut(histogram, ranked);

  // Each page is written, then kept or not: one entry more than are kept.
  reads.resize(top);
  near.resize(ranked - chosen + 1);
  reads[0] = 0;
  uint32_t r = 1;
  uint32_t n = 0;
  uint32_t read_ties = 0;
  uint32_t near_ties = 0;
  for (uint32_t page = 1; page <= count; ++page) {
    const int mass = masses[page];
    const bool ranks = mass > near_cut.mass ||
                       (mass == near_cut.mass && near_ties++ < near_cut.ties);
    const bool read = mass > read_cut.mass ||
                      (mass == read_cut.mass && read_ties++ < read_cut.ties);
    reads[r] = page;
    r += read;
    near[n] = page;
    n += ranks && !read;
  }
  reads[r] = pages - 2;
  reads[r + 1] = pages - 1;
  near.resize(ranked - chosen);
}

}  // namespace kvplace
