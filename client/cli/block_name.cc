#include "client/cli/block_name.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kvplace {
namespace {

absl::Status OutOfRange(const char* what, uint64_t value, uint64_t count) {
  return absl::NotFoundError(
      absl::StrCat(what, " is ", value, ", expected below ", count));
}

// Digits alone, so that " 1" and "+1" are no second names of 1.
bool ParseNumber(absl::string_view text, uint32_t* value) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::all_of(text, digit) && absl::SimpleAtoi(text, value);
}

// Of the blocks that ever exist in a sequence and group.
std::string PagesThere(const Workload& workload, uint32_t sequence,
                       GroupId group) {
  uint32_t least = UINT32_MAX;
  uint32_t most = 0;
  const auto look = [&](BlockId block) {
    if (workload.SequenceOf(block) != sequence ||
        workload.GroupOf(block) != group) {
      return;
    }
    least = std::min(least, workload.PageOf(block));
    most = std::max(most, workload.PageOf(block));
  };
  std::ranges::for_each(workload.initial, look);
  std::ranges::for_each(workload.births.items(), look);
  if (least == UINT32_MAX) return "none";
  return absl::StrCat(least, "..", most);
}

}  // namespace

absl::StatusOr<BlockName> ParseBlockName(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  BlockName name;
  if (parts.size() == 1) {
    uint32_t id = 0;
    if (ParseNumber(parts[0], &id)) {
      name.id = id;
      return name;
    }
  } else if (parts.size() == 3 && ParseNumber(parts[0], &name.sequence) &&
             ParseNumber(parts[1], &name.group) &&
             ParseNumber(parts[2], &name.page)) {
    return name;
  }
  return absl::InvalidArgumentError(
      "expected a block's id, such as 1234, or SEQUENCE/GROUP/PAGE, such as "
      "0/3/17");
}

absl::StatusOr<BlockId> FindBlock(const Workload& workload,
                                  const BlockName& name) {
  BlockId block;
  if (name.id) {
    if (*name.id >= workload.id_space()) {
      return OutOfRange("id", *name.id, workload.id_space());
    }
    block = BlockId(*name.id);
  } else {
    if (name.sequence >= workload.sequences) {
      return OutOfRange("sequence", name.sequence, workload.sequences);
    }
    if (name.group >= workload.groups) {
      return OutOfRange("group", name.group, workload.groups);
    }
    if (name.page >= workload.pages_max) {
      return OutOfRange("page", name.page, workload.pages_max);
    }
    block = workload.IdOf(name.sequence, GroupId(name.group), name.page);
  }
  if (std::ranges::binary_search(workload.initial, block) ||
      std::ranges::find(workload.births.items(), block) !=
          workload.births.items().end()) {
    return block;
  }
  const uint32_t sequence = workload.SequenceOf(block);
  const GroupId group = workload.GroupOf(block);
  return absl::NotFoundError(absl::StrCat(
      "page ", workload.PageOf(block),
      " never exists in these steps; pages of ", "sequence ", sequence,
      ", group ", group.value(), ": ", PagesThere(workload, sequence, group)));
}

}  // namespace kvplace
