// Which pages a top-K sparse attention reads, given one mass byte per page.
#ifndef KVPLACE_SERVER_TRACE_PAGE_SELECTION_H_
#define KVPLACE_SERVER_TRACE_PAGE_SELECTION_H_

#include <cstdint>
#include <span>
#include <vector>

namespace kvplace {

// Pages of one phase, each list ascending.
struct PageSelection {
  std::vector<uint32_t> reads;
  std::vector<uint32_t> near_misses;
};

// Reads: min(top, pages) pages: page 0 and the two newest, then the others by
// mass, ties to the lower page; a mass of 0 is a value like any other. Near
// misses: the next `near_misses` pages of the same order. Counting the 256
// values finds both cuts, so it takes two passes over the pages and no sorting.
// REQUIRES top >= 3. Thread-safety: pure.
void SelectPages(std::span<const uint8_t> masses, uint32_t top,
                 uint32_t near_misses, PageSelection* selection);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_PAGE_SELECTION_H_
