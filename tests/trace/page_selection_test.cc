// SelectPages against a twin that sorts.
#include "server/trace/page_selection.h"

#include <algorithm>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PageSelection Select(const std::vector<uint8_t>& masses, uint32_t top,
                     uint32_t near_misses) {
  PageSelection selection;
  SelectPages(masses, top, near_misses, &selection);
  return selection;
}

// Sorts all pages by what makes a page come first.
PageSelection TwinSelect(const std::vector<uint8_t>& masses, uint32_t top,
                         uint32_t near_misses) {
  const uint32_t pages = static_cast<uint32_t>(masses.size());
  std::vector<uint32_t> order(pages);
  for (uint32_t i = 0; i < pages; ++i) order[i] = i;
  const auto rank = [&](uint32_t page) {
    const bool always = page == 0 || page + 2 >= pages;
    return std::make_tuple(always ? 0 : 1, 255 - (always ? 0 : masses[page]),
                           page);
  };
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return rank(a) < rank(b); });
  PageSelection twin;
  for (uint32_t i = 0; i < pages; ++i) {
    if (i < top) {
      twin.reads.push_back(order[i]);
    } else if (i - top < near_misses) {
      twin.near_misses.push_back(order[i]);
    }
  }
  std::sort(twin.reads.begin(), twin.reads.end());
  std::sort(twin.near_misses.begin(), twin.near_misses.end());
  return twin;
}

TEST(PageSelectionTest, WorkedExample) {
  // Pages 0, 6 and 7 always; then 3 (9), and of the fives the lower, 1. The
  // next best are 2 and 4.
  const std::vector<uint8_t> masses = {0, 5, 5, 9, 5, 0, 0, 0};
  const PageSelection selection = Select(masses, 5, 2);
  EXPECT_THAT(selection.reads, ElementsAre(0, 1, 3, 6, 7));
  EXPECT_THAT(selection.near_misses, ElementsAre(2, 4));
}

TEST(PageSelectionTest, FewPagesAreAllRead) {
  EXPECT_THAT(Select({7}, 3, 5).reads, ElementsAre(0));
  EXPECT_THAT(Select({7, 0}, 3, 5).reads, ElementsAre(0, 1));
  EXPECT_THAT(Select({7, 0, 0}, 3, 5).reads, ElementsAre(0, 1, 2));
  EXPECT_THAT(Select({7, 0, 0}, 3, 5).near_misses, IsEmpty());
  EXPECT_THAT(Select({7, 1, 2, 3}, 3, 5).reads, ElementsAre(0, 2, 3));
  EXPECT_THAT(Select({7, 1, 2, 3}, 3, 5).near_misses, ElementsAre(1));
}

TEST(PageSelectionTest, ZeroIsAValueLikeAnyOther) {
  const PageSelection selection = Select(std::vector<uint8_t>(10, 0), 5, 3);
  EXPECT_THAT(selection.reads, ElementsAre(0, 1, 2, 8, 9));
  EXPECT_THAT(selection.near_misses, ElementsAre(3, 4, 5));
}

TEST(PageSelectionTest, AgreesWithTwinOnRandomMasses) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  // Reused, as importers do.
  PageSelection selection;
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> masses(1 + random() % 300);
    // Few values make many ties.
    const uint64_t values = 1 + random() % 256;
    for (uint8_t& mass : masses) {
      mass = static_cast<uint8_t>(random() % 3 == 0 ? 0 : random() % values);
    }
    const uint32_t top = static_cast<uint32_t>(3 + random() % 100);
    const uint32_t near = static_cast<uint32_t>(random() % 80);
    SelectPages(masses, top, near, &selection);
    const PageSelection twin = TwinSelect(masses, top, near);
    ASSERT_EQ(selection.reads, twin.reads) << "top " << top;
    ASSERT_EQ(selection.near_misses, twin.near_misses) << "near " << near;
  }
}

}  // namespace
}  // namespace kvplace
